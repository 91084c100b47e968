"""The part of the schema that is about payment: whom it goes to, and what people confirmed."""

from __future__ import annotations

from sealgate.config.setting import Section, Setting, Type

PAYMENT_SECTIONS: tuple[Section, ...] = (
    Section(
        "payment_gateway",
        "Who takes payments for the sites. Software behind the gateway reaches its hosts through "
        "`egress` of `[listen]`, which verifies them and leads nowhere else.",
        (
            Setting("operator", Type.TEXT, "Who runs it, by name.", required=True),
            Setting(
                "hosts",
                Type.TEXTS,
                'Its names, such as `"api.pay.example"`; `"HOST:PORT"` where it is not 443.',
                required=True,
            ),
            Setting(
                "ca",
                Type.TEXT,
                "The authorities (PEM) that the hosts are verified with.",
                "the system's",
            ),
        ),
        repeated=True,
    ),
    Section(
        "confirm",
        "What no machine can see, and somebody looked at. It holds for as long as its point "
        "says; `plan` lists every point, confirmed or not.",
        (
            Setting("point", Type.TEXT, "The point, as `plan` names it.", required=True),
            Setting("asset", Type.TEXT, "The asset as a report names it.", required=True),
            Setting("by", Type.TEXT, "Who looked.", required=True),
            Setting("on", Type.DATE, "The day.", required=True),
        ),
        repeated=True,
    ),
)
