"""asyncssh is asked for no lines, and gives none: names and paths stay out of logs."""

from __future__ import annotations

import logging

import pytest

from sealgate.transfer.adapters.ssh_quiet import QUIET


def test_nothing_is_kept_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    """Not by a logger of its own either, as one is made for each channel."""
    child = QUIET.get_child("sftp", "conn=1")
    assert child is QUIET
    with caplog.at_level(logging.NOTSET, "asyncssh"):
        for say in (child.debug, child.info, child.warning, child.error, child.critical):
            say("a %s", "name")
        child.debug1("a %s", "name")
        child.debug2("a %s", "name")
        child.packet(1, b"a name", "%s", "sent")
        logging.getLogger("asyncssh").warning("this one is seen")
    assert caplog.messages == ["this one is seen"]
