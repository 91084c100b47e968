"""
The strictest reading of a request, compiled to Lua for Envoy.

:func:`sealgate.policy.routing.judge` is the specification. The program below gives the
same answer; ``tests/laws/test_routing_laws.py`` holds the two together over generated
paths, and a test asks a running Envoy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.translate.conditions import (
    CONDITIONS,
    condition_fields,
    condition_tables,
    lua_text,
)
from sealgate.policy.leftovers import (
    ENDINGS,
    KEPT_WORDS,
    KIND_OF_ENDING,
    NAMES,
    PACKED,
    SOURCES,
    WELL_KNOWN,
    Leftover,
)
from sealgate.policy.routing import (
    MAX_AMBIGUOUS_BYTES,
    SCRIPT_ENDINGS,
    deepest,
    demands_of,
    door_segments,
    scripts_of,
    specificity,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealgate.gateway.model import JSONObject
    from sealgate.policy.inventory import Route

# Where the program notes why it refuses: "stricter", "leftover", "control" or "long".
READ_NAMESPACE = "sealgate.reading"
# In the metadata of an entry: which route it serves, and whether a body is waited for.
PLACE = "route"
READS = "reads"


def lua_program(routes: Sequence[Route]) -> str:
    """
    Return the filter of a site with these *routes*: refuse what reads as stricter.

    It stands there once for all of them: an entry says in its metadata (:meth:`Places.of`) which
    route it serves. Where that is missing, everything is refused. Global functions of the program:
    ``why_refused`` (of a place and of a request target, or where doors have conditions, of a place
    and a table) and ``envoy_on_request``.
    """
    doors = [route.door for route in routes if route.door.conditional]
    asked = [condition_tables(doors)] if doors else []
    judged = CONDITIONS if doors else _BY_PATH_ALONE
    return "\n".join([_tables(routes), *asked, _PATHS, judged, _ENTRY])


class Places:
    """Where each route of a site stands in its program."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Order *routes* so that the first door that fits is the one that serves."""
        self.ordered = sorted(routes, key=specificity, reverse=True)
        self._places = {route: place for place, route in enumerate(self.ordered, start=1)}

    def of(self, route: Route, *, reads: bool = False) -> JSONObject:
        """Return what an entry tells the program that serves *route*. *reads*: bodies, too."""
        return {PLACE: self._places[route], READS: reads}


def _tables(routes: Sequence[Route]) -> str:
    ordered = Places(routes).ordered
    kinds = list(dict.fromkeys(map(demands_of, ordered)))
    scripts = list(dict.fromkeys(kind.scripts for kind in kinds))
    numbers = {kind: (number, scripts.index(kind.scripts)) for number, kind in enumerate(kinds, 1)}
    doors = [_door(route, *numbers[demands_of(route)]) for route in ordered]
    return "\n".join(
        [
            f"local DEPTH = {deepest(routes)}",
            f"local MAX_AMBIGUOUS_BYTES = {MAX_AMBIGUOUS_BYTES}",
            f"local ROUTES = {{{','.join(doors)}}}",
            f"local WELL_KNOWN = {lua_text(WELL_KNOWN)}",
            f"local DOT_FILES, BACKUPS = {_kind(Leftover.DOT_FILES)}, {_kind(Leftover.BACKUPS)}",
            f"local NAMES = {_kinds(NAMES)}",
            f"local ENDINGS = {_kinds(KIND_OF_ENDING)}",
            f"local KEPT = {_kinds(KEPT_WORDS)}",
            f"local PACKED = {_kinds(dict.fromkeys(PACKED, Leftover.BACKUPS))}",
            f"local SOURCES = {_kinds(dict.fromkeys(SOURCES, Leftover.BACKUPS))}",
            f"local BACKUP_ENDINGS = {_kinds(dict.fromkeys(ENDINGS[Leftover.BACKUPS], Leftover.BACKUPS))}",
            f"local SCRIPTS = {{{','.join(f'[{lua_text(e)}]=true' for e in sorted(SCRIPT_ENDINGS))}}}",
        ]
    )


def _door(route: Route, demands: int, scripts: int) -> str:
    door, asks = route.door, demands_of(route)
    segments = ",".join(lua_text(segment.lower()) for segment in door_segments(door))
    fields = [f"segments={{{segments}}}", f"rank={asks.rank}", f"transit={int(asks.transit)}"]
    fields.append(f"demands={demands}")
    flags = {
        "exact": door.exact,
        "payment": asks.payment,
        "enforced": asks.enforced,
        "locked": asks.locked,
        "conditional": door.conditional,
        "overrides": route.method_override,
    }
    fields += [f"{name}=true" for name, said in flags.items() if said]
    if asks.scripts:
        fields.append(f"scripts={scripts}")
    if written := ",".join(f"[{lua_text(s)}]=true" for s in sorted(scripts_of(door))):
        fields.append(f"written={{{written}}}")
    if route.leftovers:
        served = ",".join(f"[{_kind(kind)}]=true" for kind in route.leftovers)
        fields.append(f"serves={{{served}}}")
    return f"{{{','.join([*fields, *condition_fields(door)])}}}"


def _kind(kind: Leftover) -> str:
    return str(list(Leftover).index(kind) + 1)


def _kinds(table: Mapping[str, Leftover]) -> str:
    return "{" + ",".join(f"[{lua_text(k)}]={_kind(v)}" for k, v in sorted(table.items())) + "}"


# Only what LuaJIT has. Each function names its counterpart in the specification.
_PATHS = r"""
local function decoded(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- _spelled: each text, cut at "?", "#" and NUL, without a leading authority; three times.
local function spelled(path)
  local texts, text = {}, path
  local function add(one)
    texts[#texts + 1] = one
    local _, stop = one:find("^[/\\][/\\][^/\\]*")
    if stop then
      local rest = one:sub(stop + 1)
      texts[#texts + 1] = rest == "" and "/" or rest
    end
  end
  for _ = 1, 3 do
    add(text)
    local ended = text:match("^[^?#%z]*")
    if ended ~= text then add(ended) end
    local next_text = decoded((text:gsub("%%[uU]00(%x%x)", "%%%1")))
    if next_text == text then break end
    text = next_text
  end
  return texts
end

-- Ends are cut by a greedy match, which is linear: a pattern that is tried at each
-- place, as "[. ]+$" is, takes seconds for some kilobytes of dots.
local function trimmed(segment)
  local dots = segment:match("^(.*[^ ])") or ""
  if dots == "." or dots == ".." then return dots end
  return segment:match("^(.*[^. ])") or ""
end

local function resolved(segments)
  local kept, filled = {}, {}
  for _, segment in ipairs(segments) do
    if segment == ".." then
      kept[#kept] = nil
    elseif segment ~= "." then
      kept[#kept + 1] = segment
    end
  end
  for _, segment in ipairs(kept) do
    if segment ~= "" then filled[#filled + 1] = segment end
  end
  return filled
end

local function lies_at(door, segments, first, count)
  local wanted = door.segments
  if count < #wanted or (door.exact and count ~= #wanted) then return false end
  for index, want in ipairs(wanted) do
    local got = segments[first + index]
    if want ~= got and not (want:sub(-1) == "*" and got:sub(1, #want - 1) == want:sub(1, -2)) then
      return false
    end
  end
  return true
end

-- is_stricter
local function is_stricter(one, than)
  return one.rank > than.rank
    or one.transit > than.transit
    or (one.payment and not than.payment)
    or (one.scripts ~= nil and one.scripts ~= than.scripts)
    or (one.enforced and not than.enforced and not (than.locked and than.rank > one.rank))
end

-- counts_as_stricter
local function counts(one, than, in_part)
  if in_part and #one.segments == 0 and not one.conditional then return one.rank > than.rank end
  return is_stricter(one, than)
end

-- Doors by path in order, by their first segment; those that begin with a "*", or at "/", apart.
local BY_FIRST, BY_ANY, CONDITIONAL = {}, {}, {}
for place, door in ipairs(ROUTES) do
  door.place = place
  local first = door.segments[1]
  if door.conditional then
    CONDITIONAL[#CONDITIONAL + 1] = door
  elseif first == nil or first:sub(-1) == "*" then
    BY_ANY[#BY_ANY + 1] = door
  else
    BY_FIRST[first] = BY_FIRST[first] or {}
    table.insert(BY_FIRST[first], door)
  end
end

-- The nearest door by path. first and count name a slice of segments.
local function nearest(segments, first, count)
  local found = nil
  for _, doors in ipairs({count > 0 and BY_FIRST[segments[first + 1]] or {}, BY_ANY}) do
    for _, door in ipairs(doors) do
      if found and found.place < door.place then break end
      if lies_at(door, segments, first, count) then
        found = door
        break
      end
    end
  end
  return found
end

-- _at, folded: whether any counts as stricter than the route that serves.
local function lands_stricter(serving, segments, first, count, opened, in_part)
  if counts(nearest(segments, first, count), serving, in_part) then return true end
  for _, door in ipairs(opened) do
    if lies_at(door, segments, first, count) then return true end
  end
  return false
end

local function ends_as_script(segment)
  local ending = segment:match("%.([^.]*)$")
  return ending ~= nil and SCRIPTS[ending] == true
end

local function stricter_reading(serving, segments, opened)
  local read = resolved(segments)
  local function stricter(list, first, count, in_part)
    return lands_stricter(serving, list, first, math.min(count, DEPTH + 1), opened, in_part)
  end
  if stricter(read, 0, #read, false) then return true end
  for index = 1, #read - 1 do
    if ends_as_script(read[index]) then
      if stricter(read, index, #read - index, true) then return true end
      local written = serving.written and serving.written[read[index]]
      if not written and stricter(read, 0, index, true) then return true end
      if index <= DEPTH + 1 then
        local joined = {}
        for place = 1, #read do
          if place ~= index then joined[#joined + 1] = read[place] end
          if #joined > DEPTH then break end
        end
        if stricter(joined, 0, #joined, false) then return true end
      end
    end
  end
  return false
end

-- is_plain
local function is_plain(path)
  if not path:find("^/[!->@-~]*$") or path:find("[%%;\\#]") or path:find("//", 1, true)
    or path:find("[. ]/") or path:find("[. ]$") then
    return false
  end
  for ending in path:lower():gmatch("%.([^./]*)%f[/]") do
    if SCRIPTS[ending] then return false end
  end
  return true
end

-- Doors by path that are stricter, kept for each kind of demands that a serving route can have.
local STRICTER = {}
local function stricter_doors(serving)
  local kept = STRICTER[serving.demands]
  if not kept then
    kept = {}
    for _, door in ipairs(ROUTES) do
      if not door.conditional and is_stricter(door, serving) then kept[#kept + 1] = door end
    end
    STRICTER[serving.demands] = kept
  end
  return kept
end

-- Every segment of a door must stand somewhere in a text for that text to land there.
local function could_land(serving, text, opened)
  for _, doors in ipairs({stricter_doors(serving), opened}) do
    for _, door in ipairs(doors) do
      local all = true
      for _, want in ipairs(door.segments) do
        if not text:find(want:gsub("%*$", ""), 1, true) then all = false break end
      end
      if all then return true end
    end
  end
  return false
end

-- A control character, Unicode's Cc: its upper half as UTF-8 writes it.
local function has_control(texts)
  for _, text in ipairs(texts) do
    if text:find("%c") or text:find("\194[\128-\159]") then return true end
  end
  return false
end

-- policy.leftovers, kind_of_name
local function kept(stem)
  for word in stem:gmatch("[^_-]+") do
    if KEPT[word] then return KEPT[word] end
  end
end

local function uncounted(text)
  return text:match("^(.*[^0-9_-])") or ""
end

local function kind_of_name(name)
  if NAMES[name] then return NAMES[name] end
  if #name > 1 and (name:sub(-1) == "~" or (name:sub(1, 1) == "#" and name:sub(-1) == "#")) then
    return BACKUPS
  end
  local parts = {}
  for part in (name .. "."):gmatch("([^.]*)%.") do parts[#parts + 1] = part end
  local packed, counted, last = false, false, nil
  while #parts > 1 and (PACKED[parts[#parts]] or not parts[#parts]:find("[^0-9_-]")) do
    packed = packed or PACKED[parts[#parts]] ~= nil
    counted, last = true, parts[#parts]
    parts[#parts] = nil
  end
  if packed and #parts == 1 then return kept(parts[1]) end
  if #parts == 1 then return nil end
  local ending = parts[#parts]
  if ending == "orig" and last == "tar" then return packed and kept(parts[1]) or nil end
  local kind = ENDINGS[ending] or ENDINGS[uncounted(ending)]
  if kind then return kind end
  if packed and kept(parts[1]) then return kept(parts[1]) end
  if counted and SOURCES[ending] then return BACKUPS end
  if ending == "txt" and SOURCES[parts[#parts - 1]] then return BACKUPS end
  local head, tail = ending:match("^([^_-]*)[_-](.*)$")
  if head and SOURCES[head] and BACKUP_ENDINGS[uncounted(tail)] then return BACKUPS end
  return nil
end

-- _unserved
local function asks_for_leftover(read)
  local kinds = {}
  for index, segment in ipairs(read) do
    if segment:sub(1, 1) == "." and (index > 1 or segment ~= WELL_KNOWN) then
      kinds[1] = DOT_FILES
      break
    end
  end
  local by_ending = #read > 0 and kind_of_name(read[#read]) or nil
  if by_ending then kinds[#kinds + 1] = by_ending end
  if #kinds == 0 then return false end
  local serves = nearest(read, 0, #read).serves or {}
  for _, kind in ipairs(kinds) do
    if not serves[kind] then return true end
  end
  return false
end

-- readings and judge: "stricter", or "leftover"
local function reads_as(serving, texts, opened)
  local leftover = nil
  for _, text in ipairs(texts) do
    local lower = text:gsub("\\", "/"):lower()
    local could = could_land(serving, lower, opened)
    local raw = {}
    for segment in (lower .. "/"):gmatch("([^/]*)/") do raw[#raw + 1] = segment end
    table.remove(raw, 1)
    for variant = 0, 7 do
      local segments = {}
      for _, segment in ipairs(raw) do
        if variant % 2 == 1 then segment = segment:match("^[^;]*") end
        if not (variant % 4 >= 2 and segment == "") then
          if variant >= 4 then segment = trimmed(segment) end
          segments[#segments + 1] = segment
        end
      end
      if could and stricter_reading(serving, segments, opened) then return "stricter" end
      if not leftover and asks_for_leftover(resolved(segments)) then leftover = "leftover" end
    end
  end
  return leftover
end

-- judge, once it is known which doors with conditions may be meant
local function why_path_refused(serving, path, opened)
  local texts = spelled(path)
  local read = reads_as(serving, texts, opened)
  if read ~= "stricter" and has_control(texts) then return "control" end
  return read
end
"""
_BY_PATH_ALONE = r"""
function why_refused(place, target)
  local path = target:match("^[^?]*")
  if #path > MAX_AMBIGUOUS_BYTES and not is_plain(path) then return "long" end
  return why_path_refused(ROUTES[place], path, {})
end

local function why(handle)
  return why_refused(handle:metadata():get("route"), handle:headers():get(":path"))
end
"""
_ENTRY = r"""
local function note(handle, reason)
  handle:streamInfo():dynamicMetadata():set("READ_NAMESPACE", "why", reason)
end

-- Envoy lets a request pass when its filter fails, so a failure is caught and refuses. The page is
-- chosen by what is noted.
function envoy_on_request(handle)
  local answered, reason = pcall(why, handle)
  if reason or not answered then
    pcall(note, handle, reason)
    handle:respond({[":status"] = "403"}, "")
  end
end
""".replace("READ_NAMESPACE", READ_NAMESPACE)
