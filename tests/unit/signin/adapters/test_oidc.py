"""A provider that hangs is in nobody's way who signs in through another one."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from sealgate.policy.inventory import IdentityProvider
from sealgate.signin.adapters.oidc import MOST_AT_ONCE, MOST_AT_ONCE_PER_ADDRESS, ProviderPages
from sealgate.signin.model import SignedIn
from sealgate.signin.provider import OidcError, Why


def provider(name: str) -> IdentityProvider:
    """Return one of that name."""
    return IdentityProvider(name, name, f"https://{name}.example", "sealgate", "file:/secret")


def caller(address: str) -> SignedIn:
    """Return somebody from *address*."""
    return SignedIn("shop.example", "shop.example", address, None, None)


def test_each_provider_and_each_address_has_room_of_its_own() -> None:
    """Also where an address is one of many in a network."""
    nothing: Any = None
    pages = ProviderPages(nothing, nothing, nothing, nothing)
    hangs, healthy = provider("hangs"), provider("healthy")
    with contextlib.ExitStack() as held:
        for number in range(MOST_AT_ONCE_PER_ADDRESS):
            held.enter_context(pages._one_more(hangs, caller(f"2001:db8::{number:x}")))
        with pytest.raises(OidcError) as caught, pages._one_more(hangs, caller("2001:db8::ff")):
            pass
        assert caught.value.why is Why.DOWN
        for number in range(MOST_AT_ONCE_PER_ADDRESS, MOST_AT_ONCE):
            held.enter_context(pages._one_more(hangs, caller(f"192.0.2.{number}")))
        with pytest.raises(OidcError), pages._one_more(hangs, caller("192.0.2.200")):
            pass
        for number in range(32):
            held.enter_context(pages._one_more(healthy, caller(f"192.0.2.{number}")))
    with pages._one_more(hangs, caller("2001:db8::ff")):
        pass
