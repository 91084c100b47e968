"""What the running gateway is asked, and what its answers become."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.app import reload as module
from sealgate.app.audit_host import host_sightings
from sealgate.app.reload import Applied, NotRunning, enforced, notify, reload, status
from sealgate.errors import GatewayError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Drop, Inventory
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage


def test_without_a_gateway_every_question_says_so(tmp_path: Path) -> None:
    """Nothing runs in a folder that nobody serves, which is no error."""
    folder = str(tmp_path)
    assert reload(Inventory("sealgate.toml", folder)) == NotRunning()
    assert notify(folder) == status(folder) == enforced(folder) == NotRunning()


def test_answers_become_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are tuples again, facts and vantages are themselves."""
    answers = {
        "reload": {"changed": ["listeners"], "remarks": ["look"]},
        "identities": {"changed": [], "remarks": []},
        "status": {"status": {"pid": 7}},
        "promises": {
            "observations": [
                {
                    "asset": "site a",
                    "fact": "tls.versions",
                    "value": ["TLSv1.2", "TLSv1.3"],
                    "vantage": "host",
                    "seen_by": "gateway configuration",
                },
            ]
        },
    }
    monkeypatch.setattr(module, "ask", lambda _folder, command: answers[command])
    assert reload(Inventory("sealgate.toml", "f")) == Applied(("listeners",), ("look",))
    assert notify("f") == Applied()
    assert status("f") == {"pid": 7}
    assert enforced("f") == (
        Observation(
            "site a",
            Fact.TLS_VERSIONS,
            ("TLSv1.2", "TLSv1.3"),
            Vantage.HOST,
            "gateway configuration",
        ),
    )


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"observations": None},
        {"observations": [{"asset": "site a"}]},
        {
            "observations": [
                {
                    "asset": "site a",
                    "fact": "of another version",
                    "value": 1,
                    "vantage": "host",
                    "seen_by": "x",
                }
            ]
        },
    ],
)
def test_an_answer_of_another_version_is_a_gap(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: dict[str, object]
) -> None:
    """What the host tells is not observed then, and the audit goes on."""
    monkeypatch.setattr(module, "ask", lambda _folder, _command: answer)
    with pytest.raises(GatewayError, match="another version"):
        enforced("f")
    drop = Drop("in", DEFAULT_MODEL.classes[1], f"s3://{tmp_path.name}")
    looks = host_sightings(Inventory("sealgate.toml", str(tmp_path), drops=(drop,)), now=1.0)
    assert looks
    assert all(isinstance(look, NotObserved) for look in looks)
