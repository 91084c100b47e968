"""
What a visitor who is refused gets to read: a small page, or JSON by ``Accept``.

Nothing of the request stands in a page. The class and the guard come from the route
that refused, everything else from the table below.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sealgate.gateway.model import ID_HEADER, REFUSAL_STYLE
from sealgate.gateway.translate.access_log import REFUSAL_ID
from sealgate.gateway.translate.matchers import (
    NO_CERTIFICATE,
    NOBODY_ADMITTED,
    NOT_ADMITTED,
    OTHER_COUNTRY,
    UNBUILT,
    UNKNOWN_COUNTRY,
)
from sealgate.gateway.translate.readings import READ_NAMESPACE
from sealgate.gateway.translate.sign_in import KEYS_ROUTE_NAME, ROUTE_NAME
from sealgate.gateway.translate.typed import EXTENSIONS, extension, header
from sealgate.signing.model import DIRECTORY_TYPE

if TYPE_CHECKING:
    from sealgate.gateway.model import JSON, JSONObject


@dataclass(frozen=True, slots=True)
class Page:
    """
    One refusal, and when it is shown.

    *details* is what Envoy notes about it, as a CEL expression over the response.
    *rule* is the rule that demands it, ``None`` where there is none. With *on_route*,
    the page names the class of the route.
    """

    details: str
    title: str
    text: str
    todo: str
    rule: str | None = None
    on_route: bool = False


def _rbac(reason: str) -> str:
    return f"response.code_details.contains('[{reason}]')"


def _read_as(why: str) -> str:
    noted = f"metadata.filter_metadata['{READ_NAMESPACE}']['why'] == '{why}'"
    return f"response.code_details.contains('lua_response') && {noted}"


# Where one condition implies another, the narrower one stands first.
LOCKED_PAGES = (
    Page(
        _rbac(NO_CERTIFICATE),
        "A client certificate is needed",
        "This part of the site opens only for people who hold a key that was issued to them.",
        "Ask the operator for a client certificate, import it into your browser or system, "
        "close this site's windows and come again. (The operator issues one with: "
        "sealgate key issue NAME)",
        "access-no-key",
        on_route=True,
    ),
    Page(
        _rbac(NOT_ADMITTED),
        "This certificate is not admitted",
        "Your browser showed a client certificate, but it is not one that may enter here: it "
        "was revoked, has ended, belongs to somebody who is not on this route's list, or was "
        "not issued by this site.",
        "Choose another certificate, or ask the operator to admit you. (The operator adds "
        "user:NAME or group:NAME to the route's admit list and runs: sealgate reload)",
        "access-no-key",
        on_route=True,
    ),
    Page(
        _rbac(NOBODY_ADMITTED),
        "Nobody is admitted yet",
        "This part of the site is locked, and nobody was given the right to enter.",
        'Ask the operator. (The operator sets admit = ["user:NAME"] on the route, issues a key with '
        "sealgate key issue NAME and runs: sealgate reload)",
        "access-no-key",
        on_route=True,
    ),
    Page(
        _rbac(OTHER_COUNTRY),
        "Not from this country",
        "The address that you come from is in a country from which this part of the site is "
        "not open.",
        "Come from an allowed country, or ask the operator. (The operator keeps the list under "
        "[access] countries)",
        "access-no-key",
        on_route=True,
    ),
    Page(
        _rbac(UNKNOWN_COUNTRY),
        "The country is not known",
        "The address that you come from is not in the country database, so it counts as not "
        "allowed.",
        "Come from an address of an allowed country, or ask the operator to bring "
        "[access] geo_database up to date.",
        "access-no-key",
        on_route=True,
    ),
    Page(
        _rbac(UNBUILT),
        "This class cannot be served here",
        "The class of this part of the site asks for protection that it does not have here, so "
        "nobody may enter.",
        "Ask the operator. (The operator sees what is missing with: sealgate plan)",
        "access-no-approval",
        on_route=True,
    ),
    Page(
        _read_as("leftover"),
        "Not served by any name",
        "The address asks for what no site wants to serve: a dot file, a backup, a dump or a log.",
        "Check the address. (Where it is meant to be served, the operator sets leftovers = "
        '["dumps"] on the route and runs: sealgate reload)',
        "minimise-leftover-served",
    ),
    Page(
        _read_as("control"),
        "The address holds a control character",
        "Some programs end an address at such a character, so it is not passed on.",
        "Leave it out: it is often a line break that was copied along.",
        "transit-backend-unlocked",
    ),
    Page(
        "response.code_details.contains('lua_response')",
        "The address can be read in two ways",
        "Some programs would read this address as a part of the site that is more strictly "
        "protected, so it is not passed on.",
        "Write the address plainly: without doubled slashes, dot segments, semicolons, "
        "needless percent signs, and in its usual case.",
        "transit-backend-unlocked",
        on_route=True,
    ),
)
PLAIN_PAGES = (
    Page(
        "response.code == 308",
        "Go on with https",
        "This site is served over https only.",
        "Follow the link that came with this answer, or write https:// before the address.",
    ),
    Page(
        "response.code_details == 'direct_response' && response.code == 403",
        "Sent without encryption",
        "Your browser sent this over http, in clear: anybody on the way could read it. It was "
        "not passed on to the site.",
        "If it held a password or other personal data, change or report that. Then use the "
        "site by its https:// address.",
        "transit-post-accepted",
    ),
)
SIGN_IN_PAGES = (
    Page(
        f"response.code_details == 'ext_authz_error' || (xds.route_name == '{ROUTE_NAME}' && "
        "response.code >= 502)",
        "Signing in does not work at the moment",
        "The part of this gateway that signs people in does not answer, so nobody new comes in.",
        "Try again in a moment. (The operator looks at what sealgate serve tells)",
    ),
)
COMMON_PAGES = (
    Page(
        "response.code == 429",
        "Too many requests",
        "More came from your address in a short time than one visitor needs.",
        "Wait a little and try again. (The operator sets the rates under [limits])",
    ),
    Page(
        "response.code == 413",
        "Too large",
        "What you sent is larger than this part of the site takes, so it was not taken.",
        "Send less at once. (The operator sets max_body under [limits] or on the route)",
    ),
    Page(
        "response.code == 408",
        "Too slow",
        "What you sent did not arrive as a whole in the time that it may take.",
        "Try again, if need be over a better line. (The operator sets request_seconds under "
        "[limits])",
    ),
    Page(
        "response.code == 421",
        "No such site here",
        "This gateway does not serve that name on this connection.",
        "Check the address. (The operator lists the names of a site under domains)",
    ),
    Page(
        "response.code >= 502 && response.code <= 504",
        "The site does not answer",
        "The gateway is up, but the site behind it could not be reached or did not answer.",
        "Try again in a moment. (The operator checks that the upstream of this site runs)",
    ),
)
_OTHER = Page(
    "",
    "Not possible",
    "The request could not be served.",
    "Check the address and try again.",
)
_CLASS = "%METADATA(ROUTE:sealgate:class)%"
_CLASS_HTML = "%METADATA(ROUTE:sealgate:class_html)%"
_PAGE_HEADERS = (
    (ID_HEADER, REFUSAL_ID),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("x-content-type-options", "nosniff"),
)


def local_replies(
    pages: tuple[Page, ...],
    operator: str,
    *,
    signs_in: bool = False,
    proofs: bool = False,
    keys: bool = False,
) -> JSONObject:
    """
    Return what Envoy answers by itself: the first of *pages* whose condition holds.

    *operator* is who runs the site, or "". With *signs_in*, the sign-in service may refuse
    in its own words, which are passed on. With *proofs*, so is what an authority looks for,
    with *keys* the list of keys that answers over plain HTTP are signed with.
    """
    mappers: list[JSON] = [*_of_service(), _KEYS] if signs_in else []
    if proofs:
        mappers.append(_given("application/octet-stream"))
    if keys:
        mappers.append(_given(DIRECTORY_TYPE))
    for page in pages:
        condition: JSONObject = {
            "extension_filter": extension(
                "envoy.access_loggers.extension_filters.cel",
                EXTENSIONS + "access_loggers.filters.cel.v3.ExpressionFilter",
                expression=page.details,
            )
        }
        as_json: JSONObject = {"and_filter": {"filters": [*_wants_json(), condition]}}
        mappers.append(_mapper(as_json, _as_json(page)))
        mappers.append(_mapper(condition, _as_html(page, operator)))
    mappers.append(_mapper({"and_filter": {"filters": _wants_json()}}, _as_json(_OTHER)))
    return {"mappers": mappers, "body_format": _as_html(_OTHER, operator)}


def _given(content_type: str) -> JSONObject:
    # The only answers of Envoy's own that are no refusals.
    return {
        "filter": {
            "status_code_filter": {
                "comparison": {
                    "op": "EQ",
                    "value": {"default_value": 200, "runtime_key": "sealgate.proof"},
                }
            }
        },
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": content_type,
        },
    }


# The keys that a site verifies with what it is told: no refusal either.
_KEYS: JSONObject = {
    "filter": {
        "extension_filter": extension(
            "envoy.access_loggers.extension_filters.cel",
            EXTENSIONS + "access_loggers.filters.cel.v3.ExpressionFilter",
            expression=f"xds.route_name == '{KEYS_ROUTE_NAME}' && response.code == 200",
        )
    },
    "body_format_override": {
        "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
        "content_type": "application/jwk-set+json",
    },
}


def _of_service() -> list[JSON]:
    # The content type is not passed on, so both sides decide by the same header: who names
    # text/html gets a page, everybody else problem details (RFC 9457).
    refused: JSONObject = {
        "extension_filter": extension(
            "envoy.access_loggers.extension_filters.cel",
            EXTENSIONS + "access_loggers.filters.cel.v3.ExpressionFilter",
            expression="response.code_details == 'ext_authz_denied'",
        )
    }
    names_html: JSONObject = {"name": "accept", "string_match": {"contains": "text/html"}}
    in_a_browser: JSONObject = {
        "and_filter": {"filters": [{"header_filter": {"header": names_html}}, refused]}
    }
    said: JSONObject = {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}}
    # Its pages do not know the id.
    told: list[JSON] = [header(ID_HEADER, REFUSAL_ID)]
    return [
        {
            "filter": in_a_browser,
            "headers_to_add": told,
            "body_format_override": {**said, "content_type": "text/html; charset=utf-8"},
        },
        {
            "filter": refused,
            "headers_to_add": told,
            "body_format_override": {**said, "content_type": "application/problem+json"},
        },
    ]


def _mapper(condition: JSON, body: JSONObject) -> JSONObject:
    return {
        "filter": condition,
        "body_format_override": body,
        "headers_to_add": [header(name, value) for name, value in _PAGE_HEADERS],
    }


def _wants_json() -> list[JSON]:
    # RFC 9110, 12.5.1, without weights: a browser names text/html, a program does not.
    names_json: JSONObject = {"name": "accept", "string_match": {"contains": "json"}}
    names_html: JSONObject = {"name": "accept", "string_match": {"contains": "text/html"}}
    return [
        {"header_filter": {"header": names_json}},
        {"header_filter": {"header": {**names_html, "invert_match": True}}},
    ]


def _as_json(page: Page) -> JSONObject:
    # RFC 9457: problem details.
    fields: JSONObject = {
        "type": "about:blank",
        "title": page.title,
        "status": "%RESPONSE_CODE%",
        "detail": page.text,
        "todo": page.todo,
        "id": REFUSAL_ID,
    }
    if page.rule is not None:
        fields["rule"] = page.rule
    if page.on_route:
        fields["class"] = _CLASS
    return {"json_format": fields, "content_type": "application/problem+json"}


def _as_html(page: Page, operator: str) -> JSONObject:
    facts = []
    if page.rule is not None:
        facts.append(f"Rule: <code>{page.rule}</code>")
    if page.on_route:
        facts.append(f"Class: {_CLASS_HTML}")
    facts.append(f"Id: <code>{REFUSAL_ID}</code>")
    if operator:
        facts.append(f"Operator: {escape(operator).replace('%', '%%')}")
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{page.title}</title><style>{REFUSAL_STYLE}</style>"
        f"<main><h1>{page.title}</h1><p>{escape(page.text)}</p>"
        f"<p><b>What to do:</b> {escape(page.todo)}</p>"
        f"<p><small>{' &middot; '.join(facts)}</small></p></main></html>\n"
    )
    return {
        "text_format_source": {"inline_string": text},
        "content_type": "text/html; charset=utf-8",
    }
