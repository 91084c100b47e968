"""Files on their way out over SCP: what may stand in a line."""

from __future__ import annotations

import pytest

from sealgate.protocols.model import TransferError
from sealgate.protocols.ssh.scp import _write_announced
from sealgate.storage.model import Trouble


@pytest.mark.parametrize("name", ["x\nC0600 1 y", "x\r", "\x1b[2J", "a\u2028b", "a\x00b"])
def test_a_name_that_would_end_its_line_is_not_announced(name: str) -> None:
    """Whatever a store might hold, the client reads one line for each file."""
    with pytest.raises(TransferError) as caught:
        _write_announced(name)
    assert caught.value.trouble is Trouble.BAD_NAME


def test_usual_names_are_announced_as_they_are() -> None:
    """A space and an umlaut end no line."""
    assert _write_announced("a b ü.csv") == "a b ü.csv".encode()
