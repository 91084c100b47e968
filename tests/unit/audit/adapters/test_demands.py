"""Only a refusal of the certificate is a demand for one; a connection that ends is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Self

import pytest

from sealgate.audit.adapters import demands
from sealgate.audit.adapters.demands import probe_client_certificate
from sealgate.audit.adapters.wire import TLSRefusedError
from sealgate.audit.model import Limits, Target
from sealgate.policy.observation import Observation

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

QUICK = Limits(connect_seconds=0.3, exchange_seconds=0.3)


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        ("the connection was closed", None),
        ("unexpected eof while reading", None),
        ("tlsv1 alert internal error", None),
        ("tlsv13 alert certificate required", "required"),
        ("tlsv1 alert unknown ca", "required"),
        # RFC 5246, 7.4.6
        ("ssl/tls alert handshake failure", "required"),
        # What GnuTLS says to one of the two, said to both.
        ("tlsv1 alert decode error", None),
        ("tlsv1 alert access denied", None),
    ],
)
def test_what_is_a_demand(monkeypatch: pytest.MonkeyPatch, reason: str, value: str | None) -> None:
    """Whoever ends each handshake for another reason, or for none, is told as not observed."""

    class Refusing:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def start_tls(self, *_: object) -> NoReturn:
            raise TLSRefusedError(f"TLS handshake: {reason}")

    def ready(*_: object) -> AbstractContextManager[object]:
        return Refusing()

    monkeypatch.setattr(demands, "tls_ready", ready)
    [look] = probe_client_certificate(Target("a", "shop.example", "::1"), QUICK, requested=True)
    assert (look.value if isinstance(look, Observation) else None) == value
