"""Writes Envoy's configuration files so that nobody ever reads half of one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import BugError
from sealgate.files import private_folder, write_durably
from sealgate.gateway.model import BOOTSTRAP, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.gateway.model import JSON, JSONObject

# Hex digits of SHA-256 that name a version: 64 bits, so that no two contents meet.
_VERSION_DIGITS = 16


def versioned(name: str, content: JSONObject) -> JSONObject:
    """
    Return *content* with a ``version_info`` that changes exactly when it does.

    Envoy reports the version that it took over, which is how a change is confirmed.
    The bootstrap has none.
    """
    if name == BOOTSTRAP:
        return content
    bare = {key: value for key, value in content.items() if key != "version_info"}
    digest = hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()
    return {**bare, "version_info": digest[:_VERSION_DIGITS]}


def write_files(folder: str, files: Mapping[str, JSONObject]) -> None:
    """
    Write every file of *files* to its place below *folder*, each at once, for its owner only.

    Raises:
        SourceError: the disk is full, read-only, or the folder is not ours.
    """
    for name, content in files.items():
        path = Path(folder, place_of(name))
        private_folder(path.parent)
        write_durably(path, json.dumps(versioned(name, content)).encode())


def remove_files(folder: str, *, keep: Mapping[str, object]) -> None:
    """
    Remove configuration files (``*.json``) below *folder* that are not in *keep*.

    Their folders stay: while connections end, Envoy may still watch one, and a file that comes
    back would not be seen in a new folder of that name.
    """
    kept = {Path(folder, place_of(name)) for name in keep}
    for path in [*Path(folder).glob("*.json"), *Path(folder).glob("*/*.json")]:
        if path not in kept:
            path.unlink(missing_ok=True)


def flattened(files: Mapping[str, JSONObject]) -> JSONObject:
    """
    Return the whole configuration as one static bootstrap, for ``--mode validate``.

    Envoy does not look into dynamic sources when it validates, so each reference to one
    is replaced by what it would deliver.
    """
    bootstrap = {k: v for k, v in files[BOOTSTRAP].items() if k != "dynamic_resources"}
    found: dict[str, list[JSON]] = {"Cluster": [], "Listener": [], "Secret": []}
    routes: dict[str, JSON] = {}
    for name, content in files.items():
        resources = content.get("resources")
        if name == BOOTSTRAP or not isinstance(resources, list):
            continue
        for resource in resources:
            if not isinstance(resource, dict):
                continue
            kind = str(resource.get("@type", "")).rpartition(".")[2]
            bare: JSON = {k: v for k, v in resource.items() if k != "@type"}
            if kind == "RouteConfiguration":
                routes[str(resource.get("name"))] = bare
            elif kind in found:
                found[kind].append(bare)
            else:
                raise BugError(f'"{name}" holds a {kind}, which Sealgate does not write')
    static = bootstrap.get("static_resources")
    bootstrap["static_resources"] = {
        **(static if isinstance(static, dict) else {}),
        "clusters": [_inlined(c, routes) for c in found["Cluster"]],
        "listeners": [_inlined(one, routes) for one in found["Listener"]],
        "secrets": found["Secret"],
    }
    return bootstrap


def _inlined(value: JSON, routes: Mapping[str, JSON]) -> JSON:
    if isinstance(value, list):
        return [_inlined(item, routes) for item in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, JSON] = {}
    for key, item in value.items():
        if key == "rds" and isinstance(item, dict) and "route_config_name" in item:
            name = str(item["route_config_name"])
            if name not in routes:
                raise BugError(f'a listener names the routes "{name}", which no file holds')
            result["route_config"] = routes[name]
        elif key != "sds_config":
            result[key] = _inlined(item, routes)
    return result
