"""
No cookie of the gateway's own reaches a site.

Where ours is the only cookie, the whole header is removed, which costs next to nothing. Among
others, as browsers send them, it is taken out by a filter of Envoy's that was made to hide keys.
That one drops what has no name, and quotes, so whatever is not written as browsers do goes to
a program, which costs more time than all else that is done for a session (ADR 19).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealgate.gateway.model import SESSION_COOKIE
from sealgate.gateway.translate.typed import EXTENSIONS, extension

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.gateway.model import JSON, JSONObject

# The filter that verifies a session, and the same for requests with no other cookie.
SESSION_FILTER = "envoy.filters.http.jwt_authn"
LONE_SESSION_FILTER = "sealgate.lone-session"
HIDE_FILTER = "sealgate.hide-cookie"
STRIP_FILTER = "sealgate.own-cookies"
_ENABLED = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
_NAMED = f"{SESSION_COOKIE}="
# Every name of ours has it; whatever else does is left to the program. The whole word would
# make an expression of twice the length, which stands in each route.
_MARK = "-seal"


def strip_filters() -> list[JSON]:
    """
    Return the filters that take our cookies out; off unless a route turns one on.

    The first asks every request for a key, and takes away wherever a key may be. There are two
    places: the scheme, which every request has and the router writes anew, and our cookie.
    """
    hide = extension(
        HIDE_FILTER,
        EXTENSIONS + "filters.http.api_key_auth.v3.ApiKeyAuth",
        credentials=[{"key": scheme, "client": "anybody"} for scheme in ("https", "http")],
        key_sources=[{"header": ":scheme"}, {"cookie": SESSION_COOKIE}],
        forwarding={"hide_credentials": True},
    )
    lua = extension(
        STRIP_FILTER,
        EXTENSIONS + "filters.http.lua.v3.Lua",
        default_source_code={"inline_string": STRIP_PROGRAM},
    )
    return [{**hide, "disabled": True}, {**lua, "disabled": True}]


def without_own_cookies(entry: JSONObject, *, signed: bool) -> Iterator[JSONObject]:
    """Yield *entry* so that no cookie of ours passes it; a *signed* one is about to read it."""
    hidden = entry.get("request_headers_to_remove")
    gone = [*(hidden if isinstance(hidden, list) else []), "cookie"]
    begins: JSONObject = {"prefix": _NAMED}
    # Envoy holds each field against a matcher, and one that fits is enough. So it is asked for one
    # that is not ours alone: whoever sent several would lose them all.
    more: JSONObject = {"safe_regex": {"regex": NOT_ALONE}}
    alone = _with_cookie(entry, (begins, False), (more, True))
    yield {**_read_alone(alone), "request_headers_to_remove": gone}
    usual: JSONObject = {"safe_regex": {"regex": AMONG_OTHERS}}
    quoted: JSONObject = {"contains": '"'}
    among = _with_cookie(entry, ({"contains": _NAMED}, False), (usual, False), (quoted, True))
    yield _running(HIDE_FILTER, among)
    yield stripped(entry if signed else _with_cookie(entry, ({"contains": SESSION_COOKIE}, False)))
    if not signed:
        yield entry


def _read_alone(entry: JSONObject) -> JSONObject:
    # What is behind the name is the whole token then, for which Envoy need not take the header
    # to pieces: a fifth of what a session costs.
    filters = entry.get("typed_per_filter_config")
    if not isinstance(filters, dict):
        return entry
    renamed = {
        LONE_SESSION_FILTER if name == SESSION_FILTER else name: how
        for name, how in filters.items()
    }
    return {**entry, "typed_per_filter_config": renamed}


def stripped(entry: JSONObject) -> JSONObject:
    """Return *entry* with the program running, whatever cookies there are: for what is rare."""
    return _running(STRIP_FILTER, entry)


def _running(name: str, entry: JSONObject) -> JSONObject:
    filters = entry.get("typed_per_filter_config")
    return {
        **entry,
        "typed_per_filter_config": {
            **(filters if isinstance(filters, dict) else {}),
            name: {"@type": _ENABLED, "config": {}},
        },
    }


def _with_cookie(entry: JSONObject, *conditions: tuple[JSONObject, bool]) -> JSONObject:
    match = entry["match"]
    known = match if isinstance(match, dict) else {}
    headers = known.get("headers", [])
    asked: list[JSON] = []
    for how, inverted in conditions:
        one: JSONObject = {"name": "cookie", "string_match": how}
        asked.append({**one, "invert_match": True} if inverted else one)
    # Most have no cookie of ours; of those who have, most ask for something else.
    others = headers if isinstance(headers, list) else []
    return {**entry, "match": {**known, "headers": [*asked[:1], *others, *asked[1:]]}}


def _among_others() -> str:
    """
    Return what a Cookie header looks like that has ours once, and is written as browsers do.

    Pairs with a name, "; " between them, and nowhere else what is in our names. No quotes, which
    Envoy drops around a value, and no comma, for it puts several headers together by one.
    """
    other = f"{without(_MARK, ' =;,')}={without(_MARK, ';,')}"
    return f"(?:{other}; )*{_NAMED}[A-Za-z0-9_.-]*(?:; {other})*"


def without(word: str, excluded: str) -> str:
    """
    Return the expression for texts without *word*, quotes, and the *excluded* characters.

    The first character of *word* must not come again in it: so whatever differs from it begins
    anew, or with that character does.
    """
    first, rest = re.escape(word[0]), word[1:]
    not_first = f'^{first}"{excluded}'
    begun, differs = "", f"[{not_first}{rest[-1]}]"
    for letter in reversed(rest[:-1]):
        begun = f"{letter}(?:{begun})?" if begun else letter
        differs = f"(?:[{not_first}{letter}]|{letter}{differs})"
    again = f"(?:{first}+{begun})*"
    return f"(?:[{not_first}]|{again}{first}+{differs})*{again}{first}*"


AMONG_OTHERS = _among_others()


def _not_alone() -> str:
    """Return what a Cookie header looks like that is not our cookie and nothing else."""
    differs = (f"{re.escape(_NAMED[:at])}(?:[^{letter}].*)?" for at, letter in enumerate(_NAMED))
    return f"(?s)(?:{'|'.join(differs)}|{_NAMED}[^;,]*[;,].*)"


NOT_ALONE = _not_alone()

# Its global "left_of" maps a Cookie header to what is left of it. A cookie ends at ";", and at
# "," because Envoy puts several headers together so. The separator before it goes along, and
# the one behind it only where nothing stands before: "__Ho__Host-sealgate=; st-id=1" must not
# become "__Host-id=1", which another host may not set. Each separator is looked for once, or
# many commas would take their square in time. If anything goes wrong, the header is gone already.
STRIP_PROGRAM = f"""
local OWN = "{SESSION_COOKIE}"
local SEMICOLON, SPACE = 59, 32

function left_of(cookies)
  local pieces, at, search = {{}}, 1, 1
  local comma = cookies:find(",", 1, true) or #cookies + 1
  local semicolon = cookies:find(";", 1, true) or #cookies + 1
  while true do
    local from = cookies:find(OWN, search, true)
    if from == nil then break end
    local _, equals = cookies:find("^[a-z-]*=", from + #OWN)
    if equals == nil then
      search = from + #OWN
    else
      if comma < equals then comma = cookies:find(",", equals, true) or #cookies + 1 end
      if semicolon < equals then semicolon = cookies:find(";", equals, true) or #cookies + 1 end
      local stop = math.min(comma, semicolon)
      local before = from - 1
      while before >= at and cookies:byte(before) == SPACE do before = before - 1 end
      if before >= at and cookies:byte(before) == SEMICOLON then
        before = before - 1
      else
        local begins = before < at
        before = from - 1
        if begins and cookies:byte(stop) == SEMICOLON then
          stop = stop + 1
          while cookies:byte(stop) == SPACE do stop = stop + 1 end
        end
      end
      pieces[#pieces + 1] = cookies:sub(at, before)
      at, search = stop, stop
    end
  end
  pieces[#pieces + 1] = cookies:sub(at)
  return table.concat(pieces)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local fields = {{}}
  for index = 0, headers:getNumValues("cookie") - 1 do
    fields[#fields + 1] = headers:getAtIndex("cookie", index)
  end
  if #fields == 0 then return end
  -- As RFC 9113, 8.2.3 has it: by a comma, no server would take them apart.
  local cookies = table.concat(fields, "; ")
  headers:remove("cookie")
  local left = left_of(cookies)
  if left ~= "" then headers:add("cookie", left) end
end
"""
