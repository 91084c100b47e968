"""
No cookie of the gateway's own reaches a site.

Envoy cannot cut a piece out of a header. Where ours is the only cookie, the whole header is
removed, which costs next to nothing. Among others it is cut out by a program that looks for
its name and its end, and at nothing between: a regular expression reads every character of
a token of 600 bytes, twice (ADR 19).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import OWN_COOKIES, SESSION_COOKIE
from sealgate.gateway.translate.typed import EXTENSIONS, extension

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.gateway.model import JSON, JSONObject

STRIP_FILTER = "sealgate.own-cookies"
_ENABLED = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
# Several of ours and nothing else, as while somebody signs in.
_ONLY_OURS = f"(?:{OWN_COOKIES}=[^;,]*(?:; *)?)+"


def strip_filter() -> JSONObject:
    """
    Return the filter that cuts our cookies out; off unless a route turns it on.
    """
    lua = extension(
        STRIP_FILTER,
        EXTENSIONS + "filters.http.lua.v3.Lua",
        default_source_code={"inline_string": STRIP_PROGRAM},
    )
    return {**lua, "disabled": True}


def without_own_cookies(entry: JSONObject, *, signed: bool) -> Iterator[JSONObject]:
    """
    Yield *entry* so that no cookie of ours passes it; a *signed* one is about to read it.
    """
    hidden = entry.get("request_headers_to_remove")
    gone = [*(hidden if isinstance(hidden, list) else []), "cookie"]
    begins: JSONObject = {"prefix": f"{SESSION_COOKIE}="}
    # Two looks for one character cost a sixth of the expression.
    alone = _with_cookie(
        entry, (begins, False), ({"contains": ";"}, True), ({"contains": ","}, True)
    )
    yield {**alone, "request_headers_to_remove": gone}
    ours: JSONObject = {"safe_regex": {"regex": _ONLY_OURS}}
    only = _with_cookie(entry, ({"prefix": SESSION_COOKIE}, False), (ours, False))
    yield {**only, "request_headers_to_remove": gone}
    yield stripped(entry if signed else _with_cookie(entry, ({"contains": SESSION_COOKIE}, False)))
    if not signed:
        yield entry


def stripped(entry: JSONObject) -> JSONObject:
    """
    Return *entry* with the program running, whatever cookies there are: for what is rare.
    """
    filters = entry.get("typed_per_filter_config")
    return {
        **entry,
        "typed_per_filter_config": {
            **(filters if isinstance(filters, dict) else {}),
            STRIP_FILTER: {"@type": _ENABLED, "config": {}},
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
  local cookies = headers:get("cookie")
  if cookies == nil then return end
  headers:remove("cookie")
  local left = left_of(cookies)
  if left ~= "" then headers:add("cookie", left) end
end
"""
