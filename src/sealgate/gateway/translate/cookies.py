"""
What the site's cookies gain on their way out.

Every cookie gains Secure (RFC 6265, 4.1.2.5), for no page is served in clear. HttpOnly
and SameSite are added only to names that the preset knows: a script or another site may
rely on any other. What a cookie already says stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import SESSION_COOKIE
from sealgate.gateway.translate.sign_in import ROUTE_NAME
from sealgate.gateway.translate.typed import EXTENSIONS, extension, typed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.gateway.model import JSONObject
    from sealgate.policy.inventory import CookieRule


def cookie_filter(rules: Iterable[CookieRule], *, own: bool = False) -> JSONObject:
    """
    Return the filter that adds the attributes.

    *own*: there are cookies of the gateway, which no site may set; only its pages do.

    The program runs only for answers that set a cookie; for all others the matcher in
    front of it costs two microseconds instead of its six (ADR 3).
    """
    lua = extension(
        "envoy.filters.http.lua",
        EXTENSIONS + "filters.http.lua.v3.Lua",
        default_source_code={"inline_string": cookie_program(rules, own=own)},
    )
    has_cookie: JSONObject = {
        "single_predicate": {
            "input": extension(
                "set-cookie",
                "envoy.type.matcher.v3.HttpResponseHeaderMatchInput",
                header_name="set-cookie",
            ),
            "value_match": {"safe_regex": {"google_re2": {}, "regex": r"(?s)\C*"}},
        }
    }
    run = extension(
        "run",
        EXTENSIONS + "filters.http.composite.v3.ExecuteFilterAction",
        typed_config=lua,
    )
    return extension(
        "cookies",
        EXTENSIONS + "common.matching.v3.ExtensionWithMatcher",
        extension_config={
            "name": "composite",
            "typed_config": typed(EXTENSIONS + "filters.http.composite.v3.Composite"),
        },
        xds_matcher={
            "matcher_list": {
                "matchers": [{"predicate": has_cookie, "on_match": {"action": run}}],
            }
        },
    )


def cookie_program(rules: Iterable[CookieRule], *, own: bool = False) -> str:
    """
    Return the Lua program; its global ``hardened`` maps one Set-Cookie value to another.

    With *own*, its global ``spoken_for`` tells which values no site may set.
    """
    known = []
    for rule in rules:
        prefix = "true" if rule.name.endswith("*") else "false"
        same_site = f'"{rule.same_site}"' if rule.same_site else "nil"
        http_only = "true" if rule.http_only else "false"
        known.append(
            f'{{name="{rule.name.removesuffix("*")}",prefix={prefix},'
            f"http_only={http_only},same_site={same_site}}}"
        )
    keeps = _OWN if own else ""
    return f"local KNOWN = {{{','.join(known)}}}\n{keeps}{_PROGRAM}{_SOME if own else _ALL}"


# What the site says of cookies of the gateway would sign somebody in as somebody else
# (RFC 6265, 8.6); only the gateway's own pages set them.
_OWN = f"""
function spoken_for(cookie)
  return cookie:match("^%s*{SESSION_COOKIE.replace("-", "%-")}") ~= nil
end
"""
_SOME = f"""
function envoy_on_response(handle)
  local headers = handle:headers()
  local ours = handle:streamInfo():routeName() == "{ROUTE_NAME}"
  local cookies = {{}}
  for index = 0, headers:getNumValues("set-cookie") - 1 do
    local cookie = headers:getAtIndex("set-cookie", index)
    if ours or not spoken_for(cookie) then cookies[#cookies + 1] = cookie end
  end
  headers:remove("set-cookie")
  for _, cookie in ipairs(cookies) do headers:add("set-cookie", hardened(cookie)) end
end
"""


_PROGRAM = r"""
local function attributes(cookie)
  local found = {}
  for part in cookie:gmatch(";([^;]*)") do
    -- RFC 6265, 5.2: a name reaches to "=", and only spaces and tabs around it are cut,
    -- so "Secure x" is not Secure.
    local name = part:match("^[ \t]*([^=]*)"):match("^(.*[^ \t])") or ""
    found[name:lower()] = true
  end
  return found
end

local function rule_of(name)
  for _, rule in ipairs(KNOWN) do
    if name == rule.name or (rule.prefix and name:sub(1, #rule.name) == rule.name) then
      return rule
    end
  end
end

function hardened(cookie)
  local has = attributes(cookie)
  local rule = rule_of(cookie:match("^%s*([^=;%s]*)"))
  if not has["secure"] then cookie = cookie .. "; Secure" end
  if rule and rule.http_only and not has["httponly"] then cookie = cookie .. "; HttpOnly" end
  if rule and rule.same_site and not has["samesite"] then
    cookie = cookie .. "; SameSite=" .. rule.same_site
  end
  return cookie
end
"""
_ALL = r"""
function envoy_on_response(handle)
  local headers = handle:headers()
  local cookies = {}
  for index = 0, headers:getNumValues("set-cookie") - 1 do
    cookies[#cookies + 1] = headers:getAtIndex("set-cookie", index)
  end
  headers:remove("set-cookie")
  for _, cookie in ipairs(cookies) do headers:add("set-cookie", hardened(cookie)) end
end
"""
