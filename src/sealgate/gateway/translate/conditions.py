"""
What a request carries, judged in Lua for Envoy: the conditions of doors.

:mod:`sealgate.policy.conditions` is the specification. The program stands behind the one over
paths (:mod:`.readings`) and uses its functions; it is there only on sites with such doors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.policy.conditions import (
    CHARSETS,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    METHODS,
    OVERRIDE_HEADERS,
    OVERRIDE_PARAMETER,
    mangled,
)
from sealgate.policy.inventory import CredentialKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealgate.policy.inventory import Credential, CredentialPart, Door

_CHARSET_PARAMETER = "_charset_"


# The rarest first: what a visitor's request hardly ever has tells best.
_RAREST = (
    CredentialKind.HEADER,
    CredentialKind.AUTHORIZATION,
    CredentialKind.COOKIE,
    CredentialKind.PARAMETER,
)


@dataclass(frozen=True, slots=True)
class Apart:
    """
    What keeps doors apart from a request that has none of it.

    *parameters* are names, *parts* what requests carry in headers, *methods* what they come by.
    """

    parameters: tuple[str, ...] = ()
    parts: tuple[CredentialPart, ...] = ()
    methods: tuple[str, ...] = ()


def apart_from(door: Door) -> Apart:
    """Return what each request must have that means *door*; one of these at least."""
    if door.query is not None:
        return Apart(parameters=(door.query,))
    if door.credentials:
        rarest = rarest_parts(door)
        return Apart(
            parameters=tuple(p.name for p in rarest if p.kind is CredentialKind.PARAMETER),
            parts=tuple(p for p in rarest if p.kind is not CredentialKind.PARAMETER),
        )
    return Apart(parameters=(OVERRIDE_PARAMETER,), methods=door.methods)


def rarest_parts(door: Door) -> list[CredentialPart]:
    """Return of each credential of *door* the part that usual requests lack most often."""
    return [_rarest(credential) for credential in door.credentials]


def _rarest(credential: Credential) -> CredentialPart:
    return min(credential.parts, key=lambda part: _RAREST.index(part.kind))


def condition_tables(doors: Sequence[Door]) -> str:
    """Return what :data:`CONDITIONS` needs to know of *doors*."""
    kinds = CredentialKind.PARAMETER, CredentialKind.HEADER
    parts = [p for door in doors for credential in door.credentials for p in credential.parts]
    parameters, headers = ([p.name for p in parts if p.kind is kind] for kind in kinds)
    parameters += [OVERRIDE_PARAMETER, _CHARSET_PARAMETER]
    parameters += [door.query for door in doors if door.query is not None]
    headers += [*OVERRIDE_HEADERS, "authorization", "cookie", "content-type", "content-encoding"]
    names = {mangled(name) for name in parameters}
    return "\n".join(
        [
            f"local MAX_BODY_BYTES = {MAX_BODY_BYTES}",
            f"local MAX_HEAD_BYTES = {MAX_HEAD_BYTES}",
            f"local SHORTEST = {min(map(len, names))}",
            f"local PARAMETERS = {_set(names)}",
            f"local HEADERS = {_set(headers)}",
            f"local OVERRIDE_HEADERS = {{{','.join(map(lua_text, OVERRIDE_HEADERS))}}}",
            f"local METHODS = {_set(METHODS)}",
            f"local CHARSETS = {_set(CHARSETS)}",
        ]
    )


def condition_fields(door: Door) -> list[str]:
    """Return what stands in the Lua table of *door* for its conditions."""
    fields = [f"besides={_set(door.besides)}"] if door.conditional else []
    if door.query is not None:
        fields.append(f"name={lua_text(mangled(door.query))}")
        fields.append(f"value={lua_text((door.query_value or '').lower())}")
        fields.append(f"member={lua_text(door.query.lower())}")
    if door.methods:
        fields.append(f"methods={_set(door.methods)}")
    if door.credentials:
        each = (",".join(map(_part, credential.parts)) for credential in door.credentials)
        fields.append(f"credentials={{{','.join(f'{{{parts}}}' for parts in each)}}}")
    if door.json:
        fields.append("json=true")
    return fields


def _part(part: CredentialPart) -> str:
    name = part.name
    fields = [f"kind={lua_text(part.kind.value)}"]
    if part.kind is CredentialKind.COOKIE:
        fields.append(f"begins={lua_truth(name.endswith('*'))}")
        fields.append(f"ends={lua_truth(name.startswith('*'))}")
        name = mangled(name.strip("*"))
    if part.kind is CredentialKind.PARAMETER:
        fields.append(f"member={lua_text(name.lower())}")
        name = mangled(name)
    fields.append(f"name={lua_text(name)}")
    return f"{{{','.join(fields)}}}"


def lua_truth(value: bool) -> str:  # noqa: FBT001  # it is all that it takes
    """Return the Lua literal of *value*."""
    return "true" if value else "false"


def _set(names: Iterable[str]) -> str:
    return f"{{{','.join(f'[{lua_text(name)}]=true' for name in sorted(set(names)))}}}"


def lua_text(value: str) -> str:
    """Return the Lua literal of *value*."""
    safe = "".join(
        c if c.isascii() and (c.isalnum() or c in "-_ /:~!$&()+,=@*") else f"\\{ord(c):03d}"
        for c in value.encode().decode("latin-1")
    )
    return f'"{safe}"'


# Only what LuaJIT has. Each function names its counterpart in the specification.
CONDITIONS = r"""
-- _readings
local function query_readings(text)
  local found, current = {}, text
  for index = 1, 3 do
    found[index] = current:gsub("%+", " "):lower()
    if not current:find("%", 1, true) then break end
    current = decoded(current)
  end
  return found
end

-- mangled
local function mangled(name)
  return (name:gsub("[. %[]", "_"))
end

-- _names_read: calls with each.
local function each_name(name, call)
  for _, reading in ipairs(query_readings(name)) do
    local text = reading:match("^[%c ]*([^%c]*)")
    call(mangled(text))
    call(mangled(text:match("^[^%[]*")))
  end
end

-- _values_read: whether one of them begins so.
local function begins_so(value, wanted)
  local text = value:gsub("%c", ""):gsub("^ +", ""):match("^(.*[^ ])") or ""
  if text:sub(1, #wanted) == wanted then return true end
  if not value:find("^[/ %c\\]") then return false end
  return ("/" .. text):gsub("[/\\]+", "/"):sub(1, #wanted) == wanted
end

-- Keeps in found, under each name that a door may ask for, the values.
local function note(found, name, value)
  -- No reading is longer than what is read.
  if #name < SHORTEST then return end
  local noted = {}
  each_name(name, function(reading)
    if PARAMETERS[reading] and not noted[reading] then
      noted[reading] = true
      found[reading] = found[reading] or {}
      table.insert(found[reading], value)
    end
  end)
end

local function note_pairs(found, text)
  for part in (text .. "&"):gmatch("([^&;]*)[&;]") do
    note(found, part:match("^([^=]*)=?(.*)$"))
  end
end

local function charset_fits(text)
  if text == "" then return true end
  local name = text:match("^ *; *charset=([%w-]+)$") or text:match('^ *; *charset="([%w-]+)"$')
  return name ~= nil and CHARSETS[name] == true
end

-- _DISPOSITION: the name of a field.
local function field_name(line)
  local name, rest = line:match('^content%-disposition: ?form%-data; ?name="([^"\\%c]*)"(.*)$')
  if not name then return nil end
  rest = rest:gsub('^; ?filename="[^"\\%c]*"', "")
  rest = rest:gsub("^; ?filename%*=utf%-8''[%w%%._~!$&+^`|#-]*", "")
  return rest == "" and name or nil
end

-- _PART_HEADER
local function is_part_header(line)
  if line:find("^content%-length: ?%d+$") then return true end
  local coding = line:match("^content%-transfer%-encoding: ?(%w+)$")
  if coding then return coding == "7bit" or coding == "8bit" or coding == "binary" end
  local kind, rest = line:match("^content%-type: ?([%w.+-]+/[%w.+-]+)(.*)$")
  return kind ~= nil and not kind:find("^multipart/") and charset_fits(rest)
end

local function split(text, mark)
  local pieces, from = {}, 1
  while true do
    local first, last = text:find(mark, from, true)
    pieces[#pieces + 1] = text:sub(from, first and first - 1)
    if not first then return pieces end
    from = last + 1
  end
end

-- _parts
local function note_parts(found, boundary, body)
  local delimiter = "--" .. boundary
  local parts = split("\r\n" .. body, "\r\n" .. delimiter)
  if parts[1] ~= "" or #parts < 2 or #split(body, delimiter) ~= #parts then return false end
  local last = table.remove(parts)
  if last ~= "--" and last ~= "--\r\n" then return false end
  for index = 2, #parts do
    local part = parts[index]
    local first, stop = part:find("\r\n\r\n", 1, true)
    if not first or first - 1 > MAX_HEAD_BYTES then return false end
    local lines = split(part:sub(1, first - 1):lower(), "\r\n")
    local name = nil
    for place, line in ipairs(lines) do
      local named = field_name(line)
      if place == 1 then
        if line ~= "" then return false end
      elseif named then
        if name then return false end
        name = named
      elseif not is_part_header(line) then
        return false
      end
    end
    if not name then return false end
    note(found, name, part:sub(stop + 1))
  end
  return true
end

local function boundary_of(kind)
  local folded = kind:lower()
  local start = folded:match("^multipart/form%-data; ?charset=utf%-8; ?boundary=()")
    or folded:match("^multipart/form%-data; ?boundary=()")
  if not start then return nil end
  local rest = kind:sub(start)
  local stop = rest:lower():match("(); ?charset=utf%-8$")
  if stop then rest = rest:sub(1, stop - 1) end
  local found = rest:match("^\"([%w'()+_./:=?-]+)\"$") or rest:match("^([%w'()+_./:=?-]+)$")
  return found and #found <= 70 and found or nil
end

-- _parameters: whether all could be read.
local function note_body(found, kind, body)
  local boundary = kind and boundary_of(kind)
  if boundary then
    if not note_parts(found, boundary, body) then return false end
  else
    local folded = (kind or "a/b"):lower()
    local rest = folded:match("^application/x%-www%-form%-urlencoded(.*)$")
    local is_form = rest and (rest:find("^ *;$") or charset_fits(rest))
    if not is_form then
      local main, tail = folded:match("^([%w.+-]+/[%w.+-]+)(.*)$")
      if not main or main:find("^multipart/") or not charset_fits(tail) then return false end
      if body:lower():find("content-disposition", 1, true) then return false end
    end
    note_pairs(found, body)
  end
  for _, value in ipairs(found._charset_ or {}) do
    local label = value:lower():gsub("^[ \t\r\n]+", ""):match("^(.*[^ \t\r\n])") or ""
    if not CHARSETS[label] then return false end
  end
  return true
end

-- _is_member
local function is_member(text, name)
  local plain = text:lower():gsub("\\u00([0-7]%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end):lower()
  local from = 1
  while true do
    local _, last = plain:find('"' .. name .. '"', from, true)
    if not last then return false end
    if plain:find("^[ \t\r\n]*:", last + 1) then return true end
    from = last
  end
end

-- carried. request has a body: a string, or false where it could not be held or is not read yet.
local function carried(request, overrides)
  local read = {headers = request.headers, found = {}, json = "", readable = true, methods = {}}
  local kind, coding = request.headers["content-type"], request.headers["content-encoding"]
  note_pairs(read.found, request.target:match("^[^?]*%??(.*)$"))
  local plain = coding == nil or coding == "" or coding == "identity"
  if request.body ~= "" then
    local folded = kind and kind:lower() or ""
    local charset = folded:match("^application/json(.*)$")
      or folded:match("^application/[%w.-]+%+json(.*)$")
    if charset and charset_fits(charset) then
      local held = plain and request.body and not request.body:find("%z")
      read.json = held and request.body
    else
      local held = plain and request.body
      read.found._charset_ = nil
      read.readable = held and note_body(read.found, kind, held)
      read.json = held
    end
  end
  local named = {request.method:upper()}
  if overrides then
    for _, header in ipairs(OVERRIDE_HEADERS) do
      for word in (request.headers[header] or ""):upper():gmatch("[^, \t]+") do
        named[#named + 1] = word
      end
      if request.headers[header] and not request.headers[header]:find("[^, \t]") then
        named[#named + 1] = ""
      end
    end
  end
  for _, value in ipairs(read.found._method or {}) do
    for _, reading in ipairs(query_readings(value)) do
      local word = reading:gsub("^[ %c]+", ""):match("^(.*[^ %c])") or ""
      named[#named + 1] = word:upper()
    end
  end
  for _, word in ipairs(named) do
    if not METHODS[word] then read.any_method = true end
    read.methods[word] = true
  end
  if not read.readable then read.any_method = true end
  if read.methods.HEAD then read.methods.GET = true end
  return read
end

-- _has
local function has(read, name, value, member, json)
  if not read.readable or (json and not read.json) then return true end
  if json and is_member(read.json, member) then return true end
  for _, got in ipairs(read.found[name] or {}) do
    if value == "" then return true end
    for _, reading in ipairs(query_readings(got)) do
      if begins_so(reading, value) then return true end
    end
  end
  return false
end

local function names_method(door, read)
  if read.any_method then return true end
  for method in pairs(door.methods) do
    if read.methods[method] then return true end
  end
  return door.json and (not read.json or is_member(read.json, "_method"))
end

-- is_named
local function is_named(part, name)
  if part.begins and part.ends then return name:find(part.name, 1, true) ~= nil end
  if part.begins then return name:sub(1, #part.name) == part.name end
  if part.ends then return #name >= #part.name and name:sub(-#part.name) == part.name end
  return name == part.name
end

-- _carries
local function carries(part, read, json)
  if part.kind == "header" then return read.headers[part.name] ~= nil end
  if part.kind == "parameter" then return has(read, part.name, "", part.member, json) end
  if part.kind == "authorization" then
    local value = read.headers.authorization
    if not value then return false end
    for one in (value:lower() .. ","):gmatch("([^,]*),") do
      if part.name == "" or one:match("^[ \t]*([^ \t]*)") == part.name then return true end
    end
    return false
  end
  local hit = false
  for cookie in ((read.headers.cookie or "") .. ";"):gmatch("([^;,]*)[;,]") do
    each_name(cookie:match("^[^=]*"), function(name)
      hit = hit or is_named(part, name)
    end)
    if hit then return true end
  end
  return false
end

-- fits
local function fits(door, read)
  if door.methods and not names_method(door, read) then return false end
  if door.name and not has(read, door.name, door.value, door.member, door.json) then
    return false
  end
  if not door.credentials then return true end
  for _, parts in ipairs(door.credentials) do
    local all = true
    for _, part in ipairs(parts) do
      if not carries(part, read, door.json) then all = false break end
    end
    if all then return true end
  end
  return false
end

-- Doors with conditions that are stricter, kept for each kind of demands of a serving route.
local STRICTER_CONDITIONAL = {}
local function stricter_conditional(serving)
  local kept = STRICTER_CONDITIONAL[serving.demands]
  if not kept then
    kept = {}
    for _, door in ipairs(CONDITIONAL) do
      if is_stricter(door, serving) then kept[#kept + 1] = door end
    end
    STRICTER_CONDITIONAL[serving.demands] = kept
  end
  return kept
end

-- judge: of a table with target, method, headers and body.
function why_refused(place, request)
  local serving = ROUTES[place]
  local path = request.target:match("^[^?]*")
  if #path > MAX_AMBIGUOUS_BYTES and not is_plain(path) then return "long" end
  local doors, opened = stricter_conditional(serving), {}
  local read = #doors > 0 and carried(request, serving.overrides)
  for _, door in ipairs(doors) do
    -- counts_on
    if not door.besides[path] and fits(door, read) then opened[#opened + 1] = door end
  end
  return why_path_refused(serving, path, opened)
end

local function request_of(handle)
  local request = {headers = {}}
  for name, value in pairs(handle:headers()) do
    if name == ":path" then request.target = value end
    if name == ":method" then request.method = value end
    if HEADERS[name] then
      local before = request.headers[name]
      local mark = name == "cookie" and "; " or ","
      request.headers[name] = before and before .. mark .. value or value
    end
  end
  return request
end

-- A body is waited for only where it can tell: when it opens nothing, whatever it holds, the
-- request goes on at once.
local function why(handle)
  local place, reads = handle:metadata():get("route"), handle:metadata():get("reads")
  local request = request_of(handle)
  request.body = ""
  local without = why_refused(place, request)
  if without or reads == false then return without end
  request.body = false
  local unread = why_refused(place, request)
  if not unread then return nil end
  local body = handle:body()
  local length = body and body:length() or 0
  if length > MAX_BODY_BYTES then return unread end
  request.body = length > 0 and body:getBytes(0, length) or ""
  return why_refused(place, request)
end
"""
