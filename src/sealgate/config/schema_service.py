"""The part of the schema that is about the service itself: its limits, and what it keeps where."""

from __future__ import annotations

from sealgate.config.setting import Section, Setting, Type

MAX_BODY = Setting(
    "max_body",
    Type.TEXT,
    'The most that a request may send: `"20 MiB"`. It is cut off (413) as it comes; nothing is '
    "held in memory for that.",
    "that of `[limits]`",
)
LIMITS_SECTION = Section(
    "limits",
    "What one client, or one request, may take of the gateway. Addresses are those of clients, "
    "also behind `trusted_proxies`; of IPv6 a /64 counts as one. 0 means no limit.",
    (
        Setting(
            MAX_BODY.key, MAX_BODY.type, "The most that a request may send to a site.", '`"1 GiB"`'
        ),
        Setting(
            "request_seconds",
            Type.INTEGER,
            "How long it may take until a request is there as a whole, from its first byte to the "
            "last of its body (408).",
            "0",
        ),
        Setting(
            "requests_per_second",
            Type.INTEGER,
            "Requests of one address to one site per second; ten times as many at once (429).",
            "0",
        ),
        Setting(
            "session_requests_per_second",
            Type.INTEGER,
            "The same, instead, for routes on which people sign in to the gateway.",
            "100",
        ),
        Setting(
            "sign_in_per_minute",
            Type.INTEGER,
            "Requests of one address to the gateway's own pages per minute, and at once (429).",
            "600",
        ),
    ),
)
SERVICE_SECTIONS: tuple[Section, ...] = (
    Section(
        "state",
        "Where keys, certificates, the register and running state are kept.",
        (Setting("folder", Type.TEXT, "The folder, readable by its owner only.", "`.sealgate`"),),
    ),
    Section(
        "gateway",
        "The data plane.",
        (
            Setting(
                "envoy",
                Type.TEXT,
                "The path of the Envoy program.",
                "`envoy` on PATH, then the wheel",
            ),
        ),
    ),
    Section(
        "register",
        "Where the register is kept.",
        (
            Setting(
                "url",
                Type.TEXT,
                "A SQLAlchemy URL, such as `postgresql+psycopg://host/sealgate`.",
                "SQLite in the state folder",
            ),
        ),
    ),
)
