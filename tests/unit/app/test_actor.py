"""Who gives a command: what the kernel says, and nothing that a command line can set."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

import pytest

from sealgate.app.actor import actor, actor_of, login_name, parse_login_uid

NAMES = {0: "root", 1000: "anna", 1001: "ben"}


@pytest.mark.parametrize(
    ("uid", "login_uid", "acts"),
    [
        (0, 1000, "anna"),  # sudo, su
        (1001, 1000, "anna"),  # sudo -u ben
        (1000, 1000, "anna"),
        (0, None, "root"),  # a service, a container: no sign-in is known
        (1001, None, "ben"),
        (1001, 0, "root"),
        (4711, None, "uid 4711"),
        (0, 4711, "uid 4711"),
    ],
)
def test_who_acts_is_whoever_signed_in(uid: int, login_uid: int | None, acts: str) -> None:
    """Where no sign-in is known it is the account; without a name it is the number."""
    assert actor_of(uid, login_uid, NAMES.get) == acts


@pytest.mark.parametrize(
    ("text", "uid"),
    [
        ("1000", 1000),
        ("0\n", 0),
        ("4294967295", None),  # AUDIT_UID_UNSET
        ("99999999999", None),
        ("-1", None),
        ("", None),
        ("\N{SUPERSCRIPT TWO}", None),
    ],
)
def test_a_login_uid_is_set_or_not(text: str, uid: int | None) -> None:
    """What the kernel writes for "none" is nobody's number."""
    assert parse_login_uid(text) == uid


def test_an_account_has_its_name_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may know none, as in a container."""
    assert login_name() == pwd.getpwuid(os.getuid()).pw_name

    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert login_name() is None
    assert actor().startswith("uid ")


def test_nobody_is_named_by_the_environment() -> None:
    """Neither what sudo sets nor what a shell does: two people would else be one person's word."""
    forged = dict.fromkeys(("SUDO_USER", "LOGNAME", "USER", "LNAME", "USERNAME"), "carol")
    told = subprocess.run(
        [sys.executable, "-c", "from sealgate.app.actor import *; print(actor(), login_name())"],
        env=os.environ | forged | {"SUDO_UID": "4711"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [*actor().split(), *str(login_name()).split()]
    assert "carol" not in told.stdout
