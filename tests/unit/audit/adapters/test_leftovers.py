"""That one file is kept behind a client certificate says nothing of the others."""

from __future__ import annotations

import pytest

from sealgate.audit.adapters import leftovers
from sealgate.audit.adapters.leftovers import probe_leftovers
from sealgate.audit.adapters.wire import CertificateDemandedError, TLSRefusedError
from sealgate.audit.leftovers import NOWHERE
from sealgate.audit.model import Limits, Response, Target
from sealgate.policy.observation import NotObserved, Observation

TARGET = Target("site x", "shop.example", "::1")
DEMAND = CertificateDemandedError("TLS: tlsv13 alert certificate required")
NO_STRANGER = TLSRefusedError("TLS handshake: tlsv1 alert unknown ca")
CLOSED = TLSRefusedError("TLS handshake: the connection was closed")
FOUND, ABSENT = Response(200, (), b"SECRET_KEY=1\n"), Response(404, (), b"")


@pytest.mark.parametrize(
    ("kept", "stranger", "served"),
    [
        (("/backup.zip",), NO_STRANGER, ("/.env",)),
        (("/backup.zip",), ABSENT, ("/.env",)),
        (("/.env",), NO_STRANGER, ()),
        (("/.env",), DEMAND, ()),
        (("/.env",), CLOSED, None),
        (("/.env",), FOUND, None),
        (("",), NO_STRANGER, ()),
        (("",), FOUND, None),
        ((NOWHERE,), NO_STRANGER, ("/.env",)),
    ],
)
def test_what_is_kept_by_a_certificate(
    monkeypatch: pytest.MonkeyPatch,
    kept: tuple[str, ...],
    stranger: Response | Exception,
    served: tuple[str, ...] | None,
) -> None:
    """It is absent where a stranger's certificate does not help, and otherwise not known."""

    def ask(_target: Target, path: str, *_: object, context: object = None) -> Response:
        if path.startswith(kept):
            if context is None:
                raise DEMAND
            if isinstance(stranger, Exception):
                raise stranger
            return stranger
        return FOUND if path == "/.env" else ABSENT

    monkeypatch.setattr(leftovers, "ask", ask)
    [look] = probe_leftovers(TARGET, Limits())
    if served is None:
        assert isinstance(look, NotObserved)
        assert "a stranger's is not refused" in look.reason
    else:
        assert isinstance(look, Observation)
        assert look.value == served
