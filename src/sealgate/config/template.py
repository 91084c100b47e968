"""
The commented ``sealgate.toml`` that ``sealgate init`` writes.

It serves the public pages at once. The backend stays shut, for everybody, until the
operator says who may enter: that part stands there as a comment, ready to be used.
Lines that are settings turned off begin with ``#`` and no space, remarks with ``# ``.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from sealgate.policy.inventory import Door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.config.presets import Preset

DEFAULT_DOMAIN = "localhost"
DEFAULT_UPSTREAM = "http://127.0.0.1:8080"
# Where a site without a preset may well have its backend.
EXAMPLE_BACKEND = "/admin"


def render_template(preset: Preset, domain: str = DEFAULT_DOMAIN, recovery: str = "") -> str:
    """
    Return the text of a new configuration for one site with *preset* at *domain*.

    *recovery* is an age recipient whose identity opens what the site's keys seal, "" for
    none. Both must have been validated; nothing of them is escaped here.
    """
    doors = [str(door) for door in preset.doors]
    parts = (
        _HEAD,
        _LIMITS,
        _KEYS + (_RECOVERY.format(recovery=recovery) if recovery else ""),
        _SITE.format(domain=domain, upstream=DEFAULT_UPSTREAM, preset=preset.name),
        "\n".join(_backend(preset, doors)),
        _REST,
    )
    return "\n".join(parts)


def _backend(preset: Preset, doors: list[str]) -> Iterator[str]:
    backend = preset.doors[0] if preset.doors else Door(EXAMPLE_BACKEND)
    if preset.doors:
        yield f"# The backend. The preset locks these doors ({preset.title}):"
        yield from wrap(
            "  ".join(doors),
            88,
            initial_indent="#   ",
            subsequent_indent="#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield "# Until you say who may enter, they are shut for everybody. To open them:"
    else:
        yield "# A backend, that is, pages for your own people only. To lock one:"
    yield "#   1. sealgate user add alice --group editors"
    yield "#   2. sealgate key issue alice --p12 alice.p12   (for alice's browser)"
    lines = "eight" if backend.query is None else "nine"
    yield f"#   3. get a country database, and take the # off the {lines} lines below"
    yield "#      (docs/howto/country-database.md), then: sealgate reload"
    yield ""
    yield "#[[site.route]]"
    yield f'#path = "{backend.path}"'
    if backend.query is not None:
        yield f'#query = "{backend.query}={backend.query_value}"'
    yield '#class = "confidential"          # a client certificate and an allowed country'
    yield "#backend = true                  # TLS before the site sees the request"
    yield '#admit = ["group:editors"]'
    yield ""
    yield "#[access]"
    yield '#countries = ["DE"]              # where your people come from, ISO 3166-1'
    yield '#geo_database = "country.mmdb"'
    yield ""


_HEAD = """\
# The configuration of Sealgate. Every setting: docs/reference/config.md.
# Unknown keys are errors. After a change: sealgate plan, then sealgate reload.

[listen]
https = ":443"
http = ":80"                     # redirects and refuses; serves no content; or "off"

[operator]                       # stands in certificates and on refusal pages
#name = "Shop Ltd"
#country = "DE"
#locality = "Kassel"

[tls]
certificate = "local-ca"         # or { chain = "fullchain.pem", key = "privkey.pem" }
hsts_seconds = 300               # raise to 63072000 (two years) when you are sure
"""

_LIMITS = """\
# What one client, or one request, may take; 0 means no limit. sealgate plan tells what holds.
# A rate harms where all visitors come through one address (docs/reference/config.md).
#[limits]
#max_body = "20 MiB"              # 1 GiB without it; a route may have its own
#request_seconds = 120            # 0 without it: until a request is there as a whole
#requests_per_second = 50         # 0 without it: of one address to one site
"""

_KEYS = """\
# What keeps the keys apart that stored files are sealed with. A file does not: what is sealed
# is worth "protected" only. Choose another before a drop holds anything confidential
# (docs/howto/site-keys.md).
[keys]
protection = "file"              # or passphrase, credential, vault, aws-kms
"""
_RECOVERY = """\
recovery = [                     # opens what is sealed, too; init showed its identity once
    "{recovery}",
]
"""

_SITE = """\
[[site]]
domains = ["{domain}"]
upstream = "{upstream}"   # the site behind; move it to loopback
preset = "{preset}"

# Everything that no other route means. Anyone may see it.
[[site.route]]
path = "/"
class = "public"

# A form that takes a password, an address or a card: the transit of what it collects.
#[[site.route]]
#path = "/checkout"
#class = "public"
#collects = "confidential"

# A visitor's own pages; the site itself asks for the password.
#[[site.route]]
#path = "/account"
#class = "restricted"
#access = "site"
"""

_REST = """\
# A risk that you take on; it ends by itself and is always shown.
#[[accept]]
#rule = "transit-weak-hsts"
#asset = "site NAME"
#by = "the head of IT"
#reason = "a trial"
#until = 2027-03-31

# A folder for partners, over SFTP and SCP on port 2022 (docs/howto/drops.md). It needs keys that
# are kept apart ([keys] above), and countries with their database ([access]).
#[[drop]]
#name = "partners"
#class = "confidential"
#store = "file:partners"
#admit = ["group:partners"]
"""
