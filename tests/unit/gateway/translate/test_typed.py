from __future__ import annotations

from typing import Any

from sealgate.gateway.translate.typed import discovery, extension, header, socket_address


def test_discovery_types_each_resource() -> None:
    """A file of a subscription says what each resource is."""
    assert discovery("envoy.X", [{"name": "a"}]) == {
        "resources": [{"@type": "type.googleapis.com/envoy.X", "name": "a"}]
    }


def test_extension_keeps_fields_called_like_its_parts() -> None:
    """A message may have a field called name of its own."""
    made = extension("a", "envoy.X", name="b")
    assert made == {
        "name": "a",
        "typed_config": {"@type": "type.googleapis.com/envoy.X", "name": "b"},
    }


def test_all_addresses_take_ipv4_too() -> None:
    """An address "::" is for both families, any other for its own."""
    made: Any = socket_address("::", 1)
    assert made["socket_address"]["ipv4_compat"] is True
    assert "ipv4_compat" not in str(socket_address("::1", 1))


def test_header_replaces_what_was_there() -> None:
    """What Sealgate sets is never added to a client's or a site's own."""
    assert header("a", "b")["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"
