"""What is told of an error that comes from the system."""

import pytest

from sealgate.cli.os_errors import as_source_error, place_of


def test_names_of_files_are_told_and_data_is_not() -> None:
    """Of a foreign error only what the system said goes out."""
    error = PermissionError(13, "4111111111111111", "/etc/shadow")
    told = as_source_error(error)
    assert told is not None
    assert told.message == '"/etc/shadow" cannot be used: permission denied'
    assert as_source_error(OSError("4111111111111111")) is None
    with pytest.raises(PermissionError) as raised:
        raise error
    assert place_of(raised.value).startswith("test_os_errors.py:")
