"""
Every setting of ``sealgate.toml`` as data: its type, its default, what it means.

The parser takes known keys and types from here, ``docs/reference/config.md`` is held
against it by a test. What values mean together is decided in
:mod:`sealgate.config.parse`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.schema_files import FILE_SECTIONS
from sealgate.config.schema_payment import PAYMENT_SECTIONS
from sealgate.config.schema_providers import PROVIDER_SECTIONS
from sealgate.config.schema_service import LIMITS_SECTION, MAX_BODY, SERVICE_SECTIONS
from sealgate.config.setting import Section, Setting, Type
from sealgate.policy.protection import RUNG_NAMES, Column
from sealgate.protocols.table import SERVERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.policy.inventory import Address


def _listened(addresses: Sequence[Address]) -> str:
    return f'`"{addresses[0].text}"`' if addresses else '`"off"`'


def _rungs(column: Column) -> str:
    *names, last = (f"`{name}`" for name in RUNG_NAMES[column])
    return f"{', '.join(names)} or {last}."


SECTIONS: tuple[Section, ...] = (
    Section(
        "listen",
        "The doors of the gateway.",
        (
            Setting(
                "https",
                Type.TEXT_OR_TEXTS,
                'Where HTTPS is served: `":443"` (all addresses), `"127.0.0.1:8443"`, '
                '`"[::1]:443"`, or a list of them.',
                '`":443"`',
            ),
            Setting(
                "http",
                Type.TEXT_OR_TEXTS,
                "Where plain HTTP is answered with a redirect or a refusal, and with content only on "
                'routes with `plain_http`; `"off"` opens no such port.',
                '`":80"`',
            ),
            Setting(
                "trusted_proxies",
                Type.TEXTS,
                "Networks whose balancers speak the PROXY protocol to the gateway, such as "
                '`"10.0.0.0/8"`.',
                "`[]`",
            ),
            *(
                Setting(one.name, Type.TEXT_OR_TEXTS, one.what, _listened(one.default))
                for kind in SERVERS
                for one in kind.listens
            ),
            Setting(
                "ftps_passive",
                Type.TABLE,
                "Where FTPS data connections come in: `address` (IPv4) is what clients are told "
                "when it is not the one that they called, `ports` a range.",
                '`{ ports = "50000-50100" }`',
            ),
            Setting(
                "ftps_domain",
                Type.TEXT,
                "The name that FTPS clients call: stands in the certificate.",
                "the first domain of the first site",
            ),
            Setting(
                "metrics",
                Type.TEXT_OR_TEXTS,
                "Where monitoring asks for `/metrics` (Prometheus), `/healthz` and `/readyz`, as "
                'plain HTTP; loopback only, such as `"127.0.0.1:9100"`.',
                '`"off"`',
            ),
            Setting(
                "egress",
                Type.TEXT_OR_TEXTS,
                "Where software on this machine hands over what goes out to a "
                "`[[payment_gateway]]`, as plain HTTP; loopback only. Opens only when one is "
                "declared.",
                '`"127.0.0.1:8444"`',
            ),
        ),
    ),
    LIMITS_SECTION,
    Section(
        "operator",
        "Who runs the sites: stands in certificates of the local CA and on refusal pages.",
        (
            Setting("name", Type.TEXT, "The organisation's name.", "empty"),
            Setting("country", Type.TEXT, "Its country, ISO 3166-1 (`DE`).", "empty"),
            Setting("locality", Type.TEXT, "Its town.", "empty"),
        ),
    ),
    Section(
        "tls",
        "Server certificates, for every site that has no `[site.tls]` of its own.",
        (
            Setting(
                "certificate",
                Type.TEXT_OR_TABLE,
                '`"local-ca"`, `"acme"` (fetched from an authority, and renewed), or `{ chain = '
                '"FILE", key = "FILE" }` (PEM; watched, so that a renewal by certbot is taken '
                "over).",
                '`"local-ca"`',
            ),
            Setting(
                "hsts_seconds",
                Type.INTEGER,
                "How long browsers insist on TLS (RFC 6797). Raise it to 63072000 (two years) "
                "when you are sure; 0 takes the promise back.",
                "300",
            ),
            Setting(
                "contact",
                Type.TEXT,
                "ACME: the e-mail address that the authority may write to. With "
                '`certificate = "acme"` you agree to its terms.',
                "none",
            ),
            Setting(
                "directory",
                Type.TEXT,
                "ACME: the authority's directory, an https address.",
                "Let's Encrypt",
            ),
            Setting(
                "directory_ca",
                Type.TEXT,
                "ACME: the authorities (PEM) that the directory's own certificate is verified "
                "with.",
                "the system's",
            ),
            Setting(
                "challenge",
                Type.TEXT,
                "ACME: how the authority sees who controls a domain: `http-01` (it asks port "
                "80), `tls-alpn-01` (it asks port 443) or `dns-01` (it asks for a TXT record).",
                '`"http-01"`',
            ),
            Setting(
                "dns_hook",
                Type.TEXT,
                "ACME: the program that sets TXT records, called as `HOOK present NAME VALUE` and "
                "`HOOK cleanup NAME VALUE`.",
                "none",
            ),
        ),
    ),
    Section(
        "access",
        "Geolocation, for routes, drops and tunnels whose class demands access `high`.",
        (
            Setting(
                "countries",
                Type.TEXTS,
                'Where people may come from, ISO 3166-1 codes such as `["DE", "NO"]`.',
                "`[]`",
            ),
            Setting(
                "geo_database",
                Type.TEXT,
                "A country database in MaxMind's format (`country.mmdb`).",
                "none",
            ),
        ),
    ),
    Section(
        "site",
        "One web site.",
        (
            Setting(
                "domains",
                Type.TEXTS,
                "Its names; the first one names the site everywhere. Names with letters "
                "outside ASCII are turned to their A-labels.",
                required=True,
            ),
            Setting(
                "upstream",
                Type.TEXT,
                "The site behind: `http://host:port`, `https://host:port` or `unix:/path`.",
                required=True,
            ),
            Setting(
                "upstream_ca",
                Type.TEXT,
                "The authorities (PEM) that an https upstream is verified with.",
                "the system's",
            ),
            Setting(
                "preset",
                Type.TEXT,
                "What is known of the CMS: `typo3`, `wordpress`, `django`, `wagtail`, "
                "`nextcloud`, "
                "`mediawiki`, `dokuwiki`, `matomo`, `roundcube`, `drupal`, `joomla`, "
                "`generic` (usual places of administration, for software that has no preset) or "
                "`none` (adds nothing). Locks its doors and knows its cookies.",
                '`"generic"`',
            ),
            Setting(
                "backend_path",
                Type.TEXT,
                "Where the backend of the preset lies, when that was moved: `BE/entryPoint` of "
                "TYPO3 13, the admin site of Django.",
                "as the CMS is installed",
            ),
            Setting(
                "web_root",
                Type.TEXT,
                "The folder that the site serves files from; searched for dumps, backups, "
                "`.git` and `.env`.",
                "not looked at",
            ),
            Setting(
                "single_sign_on",
                Type.BOOLEAN,
                "The site is told, signed, whom the gateway signed in (`X-Sealgate-Identity`).",
                "`false`",
            ),
            Setting("tls", Type.TABLE, "`[site.tls]`: as `[tls]`, for this site.", "`[tls]`"),
            Setting(
                "route", Type.TABLES, "`[[site.route]]`: its parts; one for `/`.", required=True
            ),
        ),
        repeated=True,
    ),
    Section(
        "site.tls",
        "As `[tls]`, for the site above it; what it leaves out is taken from `[tls]`.",
        (
            Setting("certificate", Type.TEXT_OR_TABLE, "As in `[tls]`.", "that of `[tls]`"),
            Setting("hsts_seconds", Type.INTEGER, "As in `[tls]`.", "that of `[tls]`"),
        ),
    ),
    Section(
        "site.route",
        "One part of the site above it. The most specific path wins.",
        (
            Setting(
                "path",
                Type.TEXT,
                "Whole segments: `/typo3` means `/typo3` and what is below, not `/typo3temp`. "
                "A segment `*` stands for any one; at the end of one, `*` is any rest (`/map-*`).",
                required=True,
            ),
            Setting("class", Type.TEXT, "The class of what the route shows.", required=True),
            Setting(
                "collects",
                Type.TEXT,
                "The class of what visitors send there, when stricter than `class`: it gets "
                "the transit of what it collects and the access of what it shows.",
                "`class`",
            ),
            Setting(
                "backend",
                Type.BOOLEAN,
                "Locks the route to TLS before the site sees the request.",
                "`false`",
            ),
            Setting(
                "access",
                Type.TEXT,
                "`site`: where the class demands access `low`, the site itself asks for the "
                "password (the audit looks whether it does). `sealgate`, or the rung that the "
                "class demands (`low`, `high`, `very high`): people sign in on pages of the gateway, for "
                "`high` with a passkey; a client certificate opens such a route as well.",
                '`"sealgate"`',
            ),
            Setting(
                "admit",
                Type.TEXTS,
                "Who may enter: `user:NAME`, `group:NAME`. Where the class demands access `low`, "
                "everybody with an account unless it is set.",
                "nobody",
            ),
            Setting(
                "payment",
                Type.BOOLEAN,
                "People pay there: nothing of it is kept by browsers, and its scripts are watched.",
                "`false`",
            ),
            Setting(
                "scripts",
                Type.TEXTS,
                "Where scripts of a payment page may come from: `'self'`, https addresses, "
                "`'sha256-…'`. Without it nothing is blocked.",
                "everything is reported, nothing blocked",
            ),
            Setting(
                "script_reports",
                Type.TEXT,
                "Where browsers report scripts from elsewhere to: an https address, or a path of "
                "the site.",
                "the browser's console",
            ),
            Setting(
                "inspect",
                Type.TEXT,
                "Whether bodies are looked into on their way: `off`; `observe` (a sample of "
                "answers is read aside, and finds are registered); `enforce` (what is above the "
                "class is masked or held back, in answers and in what visitors send).",
                '`"observe"` where the class demands no key, else `"off"`',
            ),
            MAX_BODY,
            Setting(
                "plain_http",
                Type.BOOLEAN,
                "GET over plain HTTP is served, too, with a signature (RFC 9421), instead of being "
                "redirected. Only where nobody is asked for a password and nothing is collected.",
                "`false`",
            ),
            Setting(
                "leftovers",
                Type.TEXTS,
                "What no site wants to serve and this route does: `dot files`, `backups`, `dumps`, "
                "`logs`. Elsewhere they are refused, in every spelling.",
                "none",
            ),
            Setting(
                "request_trailers",
                Type.BOOLEAN,
                "Trailers of requests (RFC 9110, 6.5) reach the site, without names that only the "
                "gateway may use. Needed by few, such as gRPC and checksums behind an upload.",
                "`false`",
            ),
            Setting("exact", Type.BOOLEAN, "Only the path itself, nothing below it.", "`false`"),
            Setting(
                "query",
                Type.TEXT,
                "Only requests with this parameter, on every path below `path`: `NAME`, or "
                "`NAME=VALUE` for values that begin so.",
                "none",
            ),
            Setting(
                "methods",
                Type.TEXTS,
                "Only requests by one of these methods, such as `POST`, on every path below `path`.",
                "all",
            ),
            Setting(
                "credentials",
                Type.TEXTS,
                "Only requests that carry one of these, on every path below `path`: "
                "`authorization` (of any scheme), `authorization:SCHEME`, `cookie:NAME` (which may "
                "begin and end in `*`), `header:NAME`, `parameter:NAME`; some with ` + ` between must come "
                "together.",
                "all",
            ),
            Setting(
                "besides",
                Type.TEXTS,
                "Paths on which `query`, `methods` and `credentials` are not asked for: those very "
                "paths as they are spelled, nothing below them.",
                "none",
            ),
            Setting(
                "json",
                Type.BOOLEAN,
                "Parameters of the route are looked for in JSON bodies, too.",
                "`false`",
            ),
            Setting(
                "method_override",
                Type.BOOLEAN,
                "Headers that name another method than the one that was sent "
                "(`X-HTTP-Method-Override`, `X-HTTP-Method`, `X-Method-Override`) reach the site.",
                "`false`",
            ),
        ),
        repeated=True,
    ),
    *FILE_SECTIONS,
    *PAYMENT_SECTIONS,
    *PROVIDER_SECTIONS,
    Section(
        "accept",
        "A risk that somebody took on. It ends by itself, and is always shown.",
        (
            Setting("rule", Type.TEXT, "The rule's id (`sealgate explain`).", required=True),
            Setting("asset", Type.TEXT, "The asset as a report names it.", required=True),
            Setting("by", Type.TEXT, "Who took it on.", required=True),
            Setting("reason", Type.TEXT, "Why.", required=True),
            Setting("until", Type.DATE, "The last day it holds.", required=True),
        ),
        repeated=True,
    ),
    Section(
        "class",
        "One class of your own model, weakest first. Any `[[class]]` replaces the whole "
        "default model; no class may demand less than a weaker one.",
        (
            Setting("id", Type.TEXT, "What routes and reports call it.", required=True),
            Setting("name", Type.TEXT, "Its name for people.", "its id"),
            Setting("type", Type.TEXT, "Which kind of data it is.", "empty"),
            Setting("disclosure_impact", Type.TEXT, "What disclosure would do.", "empty"),
            Setting("in_transit", Type.TEXT, _rungs(Column.IN_TRANSIT), required=True),
            Setting("access", Type.TEXT, _rungs(Column.ACCESS), required=True),
            Setting("at_rest", Type.TEXT, _rungs(Column.AT_REST), required=True),
        ),
        repeated=True,
    ),
    *SERVICE_SECTIONS,
)


def section(name: str) -> Section:
    """
    Return the section called *name*, without brackets.

    Raises:
        KeyError: the schema has no such section.
    """
    for item in SECTIONS:
        if item.name == name:
            return item
    raise KeyError(name)


def top_level_keys() -> tuple[str, ...]:
    """Return the keys that may stand in a document's top table."""
    return tuple(item.name for item in SECTIONS if "." not in item.name)


__all__ = ["SECTIONS", "Section", "Setting", "Type", "section", "top_level_keys"]
