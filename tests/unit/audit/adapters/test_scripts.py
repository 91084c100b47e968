"""What is told of the policy of a payment page that is asked for twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters import scripts
from sealgate.audit.adapters.scripts import probe_scripts
from sealgate.audit.model import Limits, Response, Target
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, Observation

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Target("an asset", "shop.example", "127.0.0.1")


@pytest.mark.parametrize(
    ("nonces", "expected"),
    [(["a1", "b2"], "enforced"), (["a1", "a1"], "none"), (["a1"], None), ([""], "enforced")],
)
def test_a_nonce_is_looked_at_twice(
    nonces: list[str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stays is worth nothing; where no second answer comes, it is not known."""

    def answers() -> Iterator[Response]:
        for nonce in nonces:
            source = f"'nonce-{nonce}'" if nonce else "'self'"
            fields = (
                ("content-type", "text/html"),
                ("content-security-policy", f"script-src {source}"),
            )
            yield Response(200, fields, b"<p>pay")

    given = answers()

    def ask(*_: object, **__: object) -> Response:
        found = next(given, None)
        if found is None:
            raise PeerError("no answer in time")
        return found

    monkeypatch.setattr(scripts, "ask", ask)
    told = probe_scripts(HERE, Limits(), approved={})
    seen = {one.fact: one.value for one in told if isinstance(one, Observation)}
    assert seen.get(Fact.SCRIPT_POLICY) == expected
    assert Fact.SCRIPTS in seen
