"""
What the running gateway is asked, and what its answers become.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.app import reload as module
from sealgate.app.reload import Applied, NotRunning, enforced, notify, reload, status
from sealgate.policy.inventory import Inventory
from sealgate.policy.observation import Fact, Observation, Vantage


def test_without_a_gateway_every_question_says_so(tmp_path: Path) -> None:
    """
    Nothing runs in a folder that nobody serves, which is no error.
    """
    folder = str(tmp_path)
    assert reload(Inventory("sealgate.toml", folder)) == NotRunning()
    assert notify(folder) == status(folder) == enforced(folder) == NotRunning()


def test_answers_become_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Lists are tuples again, facts and vantages are themselves.
    """
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
