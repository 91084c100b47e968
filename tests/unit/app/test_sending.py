"""What is needed before anything is sent; real servers are in peers/test_send_sftp.py."""

import pytest

from sealgate.app.sending import SignInOptions
from sealgate.client.destination import parse_destination
from sealgate.errors import UsageError
from sealgate.policy.protection import TransitRung


def test_an_account_without_a_name_must_name_who_signs_in() -> None:
    """A container's account may have none: that is told, where a name is needed."""
    signing = SignInOptions(lambda _what: "", "")
    with pytest.raises(UsageError, match="names no user") as refused:
        signing.access(parse_destination("sftp://files.example/in/"), TransitRung.ENCRYPTED)
    assert refused.value.hint == "sftp://USER@files.example/in/"
    assert (
        signing.access(
            parse_destination("sftp://anna@files.example/in/"), TransitRung.ENCRYPTED
        ).rung
        == 2
    )
    assert (
        signing.access(parse_destination("https://files.example/in/"), TransitRung.ENCRYPTED).rung
        == 2
    )
