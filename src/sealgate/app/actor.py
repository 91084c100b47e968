"""
Who gives a command, as the trail of changes and the rules for grants know them.

The environment (``$SUDO_USER``, ``$LOGNAME``, ``$USER``) is not asked: whoever gives a command
sets it, and could name somebody else.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# What the kernel remembers of a sign-in (proc_pid_loginuid(5)): pam_loginuid(8) sets it once, and
# su and sudo leave it as it is. Changing one that is set takes CAP_AUDIT_CONTROL.
_LOGIN_UID = Path("/proc/self/loginuid")
# AUDIT_UID_UNSET in linux/audit.h: no sign-in led to this process.
_UNSET = 2**32 - 1


def actor() -> str:
    """
    Return the login name of the person who runs this process.

    It is the account that signed in, as the kernel remembers it, also behind su and sudo; where
    it remembers none (a service, a container), the account that the process runs as.
    """
    return actor_of(os.getuid(), _login_uid(), _name_of)


def login_name() -> str | None:
    """Return the name of the account that runs this process, ``None`` for one without."""
    return _name_of(os.getuid())


def actor_of(uid: int, login_uid: int | None, name_of: Callable[[int], str | None]) -> str:
    """Return who acts in a process of the account *uid*, to which the sign-in of *login_uid* led."""
    acting = uid if login_uid is None else login_uid
    return name_of(acting) or f"uid {acting}"


def parse_login_uid(text: str) -> int | None:
    """Return the login uid in *text*, what ``/proc/PID/loginuid`` holds; ``None`` when it is not set."""
    number = text.strip()
    if not (number.isascii() and number.isdecimal()) or int(number) >= _UNSET:
        return None
    return int(number)


def _login_uid() -> int | None:
    try:
        return parse_login_uid(_LOGIN_UID.read_text("ascii", "replace"))
    except OSError:
        # A kernel without audit, or no procfs.
        return None


def _name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        # No entry in the password file, as in containers.
        return None
