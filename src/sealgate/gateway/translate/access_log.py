"""
What is written down of requests: refusals, failures, and whatever passed a lock.

Who looked at public pages is not written down: it is not needed (DESIGN 2), and the site
keeps its own log. Nothing of a query is, for it may hold what a form asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import (
    ACCESS_LOG,
    CERTIFICATE_USER_HEADER,
    CLIENT_CERTIFICATE_HEADER,
    USER_HEADER,
    asks_for_key,
    signs_in,
)
from sealgate.gateway.translate.matchers import (
    CERTIFICATE_USER_STATE,
    OTHER_COUNTRY,
    RBAC_FILTER,
    UNKNOWN_COUNTRY,
)
from sealgate.gateway.translate.typed import EXTENSIONS, typed

if TYPE_CHECKING:
    from sealgate.gateway.model import JSONObject, Material
    from sealgate.policy.inventory import Site

# Address, country and certificate; TLS version, suite and group: put together at the handshake.
LOG_STATE = "sealgate.log"
# On a refusal's page and in its line. The count of connections begins anew with each Envoy.
REFUSAL_ID = "%START_TIME(%s%6f)%-%CONNECTION_ID%"
# A path may name a person, or be a secret itself (a link to reset a password). What is written down
# is made of words, such as /wp-login.php and /api/v2/users: no letter behind a digit, no capital
# behind a letter, no long number. Whatever else was asked for is found by its id and route.
_LONGEST_PATH = 80
_NO_WORDS = "[^A-Za-z0-9/._~:-]|[0-9][A-Za-z]|[A-Za-z][A-Z]|[0-9]{5}"
_PATH = (
    f"%CEL(size(request.url_path) > {_LONGEST_PATH} || request.url_path.matches('{_NO_WORDS}') ? "
    "'(left out)' : request.url_path)%"
)
# By these, the certificate was one that is admitted, or the country would not have been asked.
_BY_COUNTRY = (
    f"response.code_details.contains('[{OTHER_COUNTRY}]') || "
    f"response.code_details.contains('[{UNKNOWN_COUNTRY}]')"
)
# What is not there ends the expression, and is written as null.
_USER = (
    f"%CEL({_BY_COUNTRY} ? filter_state['{CERTIFICATE_USER_STATE}'] : "
    f"'{USER_HEADER}' in request.headers ? request.headers['{USER_HEADER}'] : "
    f"request.headers['{CERTIFICATE_USER_HEADER}'])%"
)
# Each field costs a request 1,000 to 1,500 instructions (ADR 3).
_FIELDS: JSONObject = {
    "id": REFUSAL_ID,
    "time": "%START_TIME%",
    "route": "%ROUTE_NAME%",
    "request": f"%REQ(:METHOD)% {_PATH}",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "connection": f"%FILTER_STATE({LOG_STATE}:PLAIN)%",
    "user": _USER,
}
# RFC 9110, 15.5 and 15.6: what was refused, and what failed.
_FAILED: JSONObject = {
    "status_code_filter": {
        "comparison": {
            "op": "GE",
            "value": {"default_value": 400, "runtime_key": "sealgate.log"},
        }
    }
}
# Routes that open to certificates alone set it, and no client can (:mod:`.listeners`). Envoy has
# a place of its own for this name; for another it makes a table of all headers, which costs
# whoever looks at a public page 3 % (ADR 3).
_BY_CERTIFICATE: JSONObject = {
    "header_filter": {"header": {"name": CLIENT_CERTIFICATE_HEADER, "present_match": True}}
}
_BY_SESSION_AND_KEY: JSONObject = {
    "metadata_filter": {
        "matcher": {
            "filter": RBAC_FILTER,
            "path": [{"key": "enforced_engine_result"}],
            "value": {"present_match": True},
        },
        "match_if_key_not_found": False,
    }
}


def access_log(material: Material, site: Site | None = None) -> JSONObject:
    """
    Return the log of the door of *site*; without one, of the plain port, which has no lock.

    Who passed is looked for only where somebody can, as for a certificate: what holds for the
    whole site, so that the class of one more route changes no listener.
    """
    written = [_FAILED]
    if site is not None and asks_for_key(site):
        written.insert(0, _BY_CERTIFICATE)
        if signs_in(site):
            written.append(_BY_SESSION_AND_KEY)
    return {
        "name": "envoy.access_loggers.file",
        "filter": written[0] if len(written) == 1 else {"or_filter": {"filters": [*written]}},
        "typed_config": typed(
            EXTENSIONS + "access_loggers.file.v3.FileAccessLog",
            path=f"{material.folder}/{ACCESS_LOG}",
            log_format={"json_format": _FIELDS},
        ),
    }
