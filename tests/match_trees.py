"""Reads a match tree that Sealgate made for Envoy: all its entries, and what a target finds in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def entries_of(host: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of a virtual host, as they stand in its match tree or list."""
    return [*_routes(host["matcher"])] if "matcher" in host else [*host["routes"]]


def _routes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "routes" in value:
            yield from value["routes"]
            return
        for part in value.values():
            yield from _routes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _routes(part)


def found_in(matcher: Mapping[str, Any], target: str) -> list[dict[str, Any]] | None:
    """
    Return the entries that Envoy tries for *target* by *matcher*; ``None`` where it finds none.

    As the matching API of Envoy is documented, for trees as Sealgate makes them: of several
    prefixes the longest is asked first, and after a miss the next shorter one. The request is a
    GET, for a host without a port.
    """
    for key in sorted(_map(matcher), key=len, reverse=True):
        if target.startswith(key):
            found = _on_match(_map(matcher)[key], target)
            if found is not None:
                return found
    for one in matcher.get("matcher_list", {}).get("matchers", []):
        if _holds(one["predicate"], target):
            return _on_match(one["on_match"], target)
    return _on_match(matcher["on_no_match"], target) if "on_no_match" in matcher else None


def _map(matcher: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (
        matcher.get("matcher_tree", {}).get("prefix_match_map", {}).get("map", {})
    )
    return found


def _on_match(what: Mapping[str, Any], target: str) -> list[dict[str, Any]] | None:
    if "matcher" in what:
        return found_in(what["matcher"], target)
    routes: list[dict[str, Any]] = what["action"]["typed_config"]["routes"]
    return routes


def _holds(predicate: Mapping[str, Any], target: str) -> bool:
    match predicate:
        case {"and_matcher": {"predicate": parts}}:
            return all(_holds(part, target) for part in parts)
        case {"or_matcher": {"predicate": parts}}:
            return any(_holds(part, target) for part in parts)
        case {"not_matcher": part}:
            return not _holds(part, target)
        case {"single_predicate": {"input": {"name": name}, "value_match": wanted}}:
            request = {":path": target, ":method": "GET", ":authority": "shop.example"}
            return _fits(wanted, request[name])
        case _:
            raise AssertionError(predicate)


def _fits(wanted: Mapping[str, Any], target: str) -> bool:
    match wanted:
        case {"exact": text}:
            return target == str(text)
        case {"prefix": text}:
            return target.startswith(str(text))
        case {"contains": text}:
            return str(text) in target
        case {"safe_regex": {"regex": regex}}:
            # RE2's word for any byte.
            return re.fullmatch(str(regex).replace(r"\C", r"[\s\S]"), target) is not None
        case _:
            raise AssertionError(wanted)
