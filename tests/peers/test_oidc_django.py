"""
Signing in through a provider of another make, by other people: Django OAuth Toolkit.

Its issuer has a path, it takes the client secret in the form and not by HTTP Basic, its answers
name no issuer (RFC 9207), its subjects are numbers, its claims have other names. What is refused does not hang on the make: ``test_oidc_attacks.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.peers.provided import parameters, provided, told
from tests.peers.signed import BROWSER, claims

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("curl")]

SETTINGS = 'user_claim = "preferred_username"\ngroups_claim = "roles"\n'


def test_another_make_signs_people_in_and_out(tmp_path: Path) -> None:
    """Found by name once and by number from then on, with the groups of the map; out at both."""
    with provided(tmp_path, SETTINGS, django=True) as world:
        person = world.person()
        back = person.log_in(person.begin("/staff"), "anna")
        assert set(parameters(back)) == {"code", "state"}
        done = person.come_back(back)
        assert (done.status, done.value("location")) == (303, "/staff"), done
        assert person.ask("/staff").body == "ok"
        session = claims(person.token)
        assert (session["sub"], session["rung"], session["groups"]) == ("anna", 1, ["staff"])

        page = person.post("/.sealgate/sign-out", on="/.sealgate/")
        page = person.ask(page.value("location"), *BROWSER)
        assert f'href="{world.provider.issuer}/logout/?client_id=' in page.body
        assert person.ask("/members").status == 401

        again = world.person()
        assert again.enter("anna", "/staff").status == 303
        assert claims(again.token)["sub"] == "anna"
        stranger = world.person()
        done = stranger.enter("nobody")
        assert (done.status, stranger.token) == (403, "")
        assert "you have no account here" in told(done)
