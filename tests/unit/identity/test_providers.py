"""Whose account somebody gets whom a provider vouches for: each case of the table."""

from __future__ import annotations

import pytest

from sealgate.identity.providers import (
    ProviderLink,
    Step,
    Unadmitted,
    UnadmittedError,
    step_for,
)

LIVING = ProviderLink("https://login.example", "248289761001", "anna", 1.0)
ENDED = ProviderLink("https://login.example", "248289761001", "anna", 1.0, 2.0)
OTHER = ProviderLink("https://login.example", "248289761001", "berta", 1.0, 2.0)
# link, name, there is such an account, it is another's, users are added -> what happens
TABLE = [
    (None, "anna", True, False, False, Step.LINK),
    (None, "anna", True, True, False, Unadmitted.TAKEN),
    (None, "anna", False, False, False, Unadmitted.UNKNOWN),
    (None, "", False, False, False, Unadmitted.NAMELESS),
    (None, "anna", False, False, True, Step.ADD),
    # Where people make their own accounts, none that was there before is theirs.
    (None, "anna", True, False, True, Unadmitted.TAKEN),
    (None, "anna", True, True, True, Unadmitted.TAKEN),
    (None, "", False, False, True, Unadmitted.NAMELESS),
    # Whoever is linked keeps their account, whatever they are called now.
    (LIVING, "anna", True, True, False, Step.USE),
    (LIVING, "boss", True, False, True, Step.USE),
    (LIVING, "", False, False, False, Step.USE),
    # Whoever was removed stays out, until the operator adds them again.
    (ENDED, "anna", False, False, False, Unadmitted.REMOVED),
    (ENDED, "anna", False, False, True, Unadmitted.REMOVED),
    (ENDED, "", False, False, True, Unadmitted.NAMELESS),
    (ENDED, "anna", True, False, False, Step.LINK),
    (ENDED, "anna", True, False, True, Step.LINK),
    (ENDED, "anna", True, True, True, Unadmitted.TAKEN),
    (OTHER, "anna", True, False, True, Unadmitted.TAKEN),
    (OTHER, "anna", True, False, False, Step.LINK),
]


@pytest.mark.parametrize(("link", "name", "exists", "is_linked", "adds_users", "expected"), TABLE)
def test_each_case(
    link: ProviderLink | None,
    name: str,
    *,
    exists: bool,
    is_linked: bool,
    adds_users: bool,
    expected: Step | Unadmitted,
) -> None:
    """Somebody gets an account that is theirs, or none."""
    if isinstance(expected, Step):
        step = step_for(link, name, exists=exists, is_linked=is_linked, adds_users=adds_users)
        assert step is expected
        return
    with pytest.raises(UnadmittedError) as caught:
        step_for(link, name, exists=exists, is_linked=is_linked, adds_users=adds_users)
    assert caught.value.why is expected
    assert name == "" or name not in caught.value.message
