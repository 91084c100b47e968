"""Writes Envoy's configuration files so that nobody ever reads half of one."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import BugError
from sealgate.files import private_folder, write_durably
from sealgate.gateway.adapters.watches import SUBSCRIPTION, sources
from sealgate.gateway.model import BOOTSTRAP, CLUSTERS, LISTENERS, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.gateway.model import JSON, EnvoyFiles, JSONObject

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


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written: the *version* that Envoy will report, and its *size* in bytes."""

    version: str
    size: int


def write_files(folder: str, files: Mapping[str, JSONObject]) -> dict[str, Written]:
    """
    Write every file of *files* to its place below *folder*, each at once, for its owner only.

    Raises:
        SourceError: the disk is full, read-only, or the folder is not ours.
    """
    written = {}
    for name, content in files.items():
        path = Path(folder, place_of(name))
        private_folder(path.parent)
        whole = versioned(name, content)
        data = json.dumps(whole).encode()
        write_durably(path, data)
        written[name] = Written(str(whole.get("version_info", "")), len(data))
    return written


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


def differing(files: EnvoyFiles, old: EnvoyFiles) -> dict[str, JSONObject]:
    """
    Return what of *files* an Envoy that goes by *old* has not seen yet, and what that refers to.

    A whole configuration by itself: of a listener it holds the filter chains that are new, or
    whose routes are. It does not show what two chains do to each other, nor a certificate that
    is all that changed: of these the running Envoy is the judge.
    """
    changed = {name for name, content in files.files.items() if old.files.get(name) != content}
    changed = {name for name in changed if not name.startswith("sds-")}
    at = {str(Path(files.folder, place_of(name))): name for name in files.files}
    before = {_name(one): one for one in _listed(old.files.get(LISTENERS, {}), "resources")}
    kept = {BOOTSTRAP, CLUSTERS, *changed}
    listeners: list[JSON] = []
    for listener in _listed(files.files[LISTENERS], "resources"):
        known = before.get(_name(listener), {})
        served: dict[str, list[JSONObject]] = defaultdict(list)
        for chain in _listed(known, "filter_chains"):
            served[_name(chain)].append(chain)
        chains = [
            (chain, {at[p] for kind, p in sources(chain) if kind == SUBSCRIPTION and p in at})
            for chain in _listed(listener, "filter_chains")
        ]
        new = [one for one in chains if one[1] & changed or one[0] not in served[_name(one[0])]]
        if not new and known == listener:
            continue
        # One that only lost a chain, or changed besides, is judged with any.
        new = new or chains[:1]
        kept.update(name for _, names in new for name in names)
        listeners.append({**listener, "filter_chains": [chain for chain, _ in new]})
    return {
        **{name: content for name, content in files.files.items() if name in kept},
        LISTENERS: {**files.files[LISTENERS], "resources": listeners},
    }


def _listed(holder: JSONObject, key: str) -> list[JSONObject]:
    found = holder.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _name(resource: JSONObject) -> str:
    return str(resource.get("name", ""))


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
        for resource in _listed(content, "resources") if name != BOOTSTRAP else ():
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
