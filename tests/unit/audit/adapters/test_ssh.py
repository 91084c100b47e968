"""Only who was asked for a weak group, and hung up, has refused one."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from sealgate.audit.adapters import ssh
from sealgate.audit.adapters.ssh import probe_ssh
from sealgate.audit.adapters.wire import HungUpError, SilentError, UnreachableError, Wire
from sealgate.audit.model import Limits, Target
from sealgate.audit.ssh import Identification, KexInit, MalformedSSHError
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, Observation

METHOD = "diffie-hellman-group-exchange-sha256"
HIDDEN = f"{METHOD} (with a group that was not shown)"
LISTS = KexInit((METHOD,), ("ssh-ed25519",), (), (), (), (), (), (), strict=True)


@pytest.mark.parametrize(
    ("weak", "before", "told"),
    [
        (HungUpError("the server closed the connection"), None, METHOD),
        (MalformedSSHError("no SSH"), None, METHOD),
        (SilentError("no answer in time"), None, HIDDEN),
        (PeerError("no route to host"), None, HIDDEN),
        (None, UnreachableError("no answer within 3 s"), HIDDEN),
        (None, HungUpError("the server closed the connection"), HIDDEN),
    ],
)
def test_what_refuses_a_weak_group(
    monkeypatch: pytest.MonkeyPatch, weak: PeerError | None, before: PeerError | None, told: str
) -> None:
    """A server that is busy, or gone, may give a weak group to the next one that asks."""
    connections: list[object] = []

    class Talk:
        identification = Identification("2.0", "peer")

        def __init__(self, _wire: object) -> None:
            connections.append(self)

        def lists(self) -> KexInit:
            # The second connection asks for the weak group.
            if before and len(connections) == 2:
                raise before
            return LISTS

        def send(self, _payload: bytes) -> None:
            pass

        def group_bits(self, wanted: tuple[int, int, int]) -> int:
            if wanted[0] < 2048 and weak:
                raise weak
            return wanted[1]

        def message(self) -> bytes:
            raise HungUpError("the server closed the connection")

    monkeypatch.setattr(Wire, "connect", lambda *_: nullcontext())
    monkeypatch.setattr(ssh, "_Talk", Talk)
    found = probe_ssh(Target("a", "files.example", "::1", 22), Limits(), active=False)
    [methods] = [one for one in found if one.fact is Fact.SSH_KEX]
    assert isinstance(methods, Observation)
    assert methods.value == (told,)
