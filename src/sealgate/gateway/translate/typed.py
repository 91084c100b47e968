"""How Envoy's JSON spells extensions and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.gateway.model import JSON, JSONObject

_PREFIX = "type.googleapis.com/"
EXTENSIONS = "envoy.extensions."


def typed(message: str, /, **fields: JSON) -> JSONObject:
    """Return the message of type *message* ("envoy.…") with *fields*."""
    return {"@type": _PREFIX + message, **fields}


def extension(name: str, message: str, /, **fields: JSON) -> JSONObject:
    """Return an extension called *name* with its configuration of type *message*."""
    return {"name": name, "typed_config": typed(message, **fields)}


def socket_address(host: str, port: int) -> JSONObject:
    """Return a TCP address. "::" takes IPv4 too."""
    address: JSONObject = {"address": host, "port_value": port}
    if host == "::":
        address["ipv4_compat"] = True
    return {"socket_address": address}


def discovery(message: str, resources: Iterable[JSONObject]) -> JSONObject:
    """Return a file of a filesystem subscription: *resources* of type *message*."""
    items: list[JSON] = [{"@type": _PREFIX + message, **item} for item in resources]
    return {"resources": items}


def subscription(folder: str, name: str) -> JSONObject:
    """Return the source that reads the file *name* of *folder* and watches for its being replaced."""
    path = f"{folder}/{place_of(name)}"
    return {
        "path_config_source": {
            "path": path,
            "watched_directory": {"path": path.rpartition("/")[0]},
        },
        "resource_api_version": "V3",
    }


def header(name: str, value: str) -> JSONObject:
    """Return an addition that puts *value* in place of whatever *name* held."""
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
