from __future__ import annotations

import pytest
from starlette.requests import Request

from sealgate.gateway.model import SESSION_COOKIE
from sealgate.signin.adapters.exchange import cookie_of


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (f"{SESSION_COOKIE}=t", "t"),
        (f"a=1; \t{SESSION_COOKIE}=t ; b=2", "t"),
        (f"{SESSION_COOKIE}-form=t", ""),
        (f"{SESSION_COOKIE}", ""),
        # Browsers keep the prefix for this host; with such a byte before it, it is another name.
        *((f"{chr(byte)}{SESSION_COOKIE}=t", "") for byte in (0x1C, 0x1F, 0x85, 0xA0)),
    ],
)
def test_the_cookie_of_a_name(line: str, value: str) -> None:
    """Only the very name counts, with the white space around it that RFC 6265 knows."""
    headers = [(b"cookie", line.encode("latin-1"))]
    request = Request({"type": "http", "headers": headers})
    assert cookie_of(request, SESSION_COOKIE) == value
