from __future__ import annotations

from typing import Any

import pytest

from sealgate.gateway.translate.matchers import passes_by
from sealgate.policy.protection import AccessRung


def passes(matcher: Any, **headers: str) -> bool:
    """Return whether *matcher* leaves the filter out for a request with *headers*."""
    tree = matcher["matcher_tree"]
    assert "on_no_match" not in matcher
    name = tree["input"]["typed_config"]["header_name"].removeprefix("x-sealgate-")
    found = tree["exact_match_map"]["map"].get(headers.get(name))
    if found is None:
        return False
    if "matcher" in found:
        return passes(found["matcher"], **headers)
    assert found["action"]["typed_config"]["@type"].endswith("action.v3.SkipFilter")
    return True


def test_whoever_is_worth_enough_passes_by() -> None:
    """Anybody with a session does, and nobody without one, or with one that nobody issues."""
    anybody = passes_by(AccessRung.LOW, None, bound=False)
    assert [passes(anybody, rung=str(rung)) for rung in range(5)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert not passes(anybody)
    assert not passes(anybody, user="anna")
    assert not passes(passes_by(AccessRung.HIGH, None, bound=False), rung="1")


@pytest.mark.parametrize("bound", [False, True])
def test_a_list_is_held(*, bound: bool) -> None:
    """Where people are named, only they pass by, with whatever session."""
    listed = passes_by(AccessRung.LOW, ["bert", "anna"], bound=bound)
    assert passes(listed, rung="1", user="anna")
    assert passes(listed, rung="2", user="bert")
    assert not passes(listed, rung="1", user="carl")
    assert not passes(listed, rung="1")
    assert not passes(listed, user="anna")
    nobody = passes_by(AccessRung.LOW, [], bound=bound)
    for rung in ("1", "2", "3"):
        assert not passes(nobody, rung=rung, user="anna", key="none")
        assert not passes(nobody, rung=rung, user="", key="none")


def test_a_session_that_is_bound_to_a_certificate_does_not_pass_by() -> None:
    """Only the service knows whether the certificate is there."""
    bound = passes_by(AccessRung.LOW, None, bound=True)
    assert passes(bound, rung="3", key="none")
    assert not passes(bound, rung="3", key="aa" * 32)
    assert not passes(bound, rung="3")
    assert passes(bound, rung="1", key="aa" * 32)
