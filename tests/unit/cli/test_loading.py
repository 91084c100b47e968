"""A command loads what it needs when it runs, so that help is there at once."""

import subprocess
import sys

import pytest

from sealgate.cli import COMMANDS
from sealgate.cli.serve import DRAIN_SECONDS
from sealgate.serve.running import Options

# Each of these takes longer to load than Python and click together.
_SLOW = ("OpenSSL", "asyncssh", "cryptography", "httpx", "sealgate.app.", "sqlalchemy", "starlette")
_LOOK = """
import sys
from sealgate.cli import run
run(sys.argv[1:])
print("loaded:", *sorted(sys.modules))
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loads_nothing_slow(name: str) -> None:
    """Reports, adapters and foreign libraries are for those who run the command."""
    done = subprocess.run(
        [sys.executable, "-c", _LOOK, name, "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "Usage:" in done.stdout
    loaded = done.stdout.rpartition("loaded:")[2].split()
    assert not [module for module in loaded if module.startswith(_SLOW)]


def test_serve_tells_the_seconds_that_it_waits() -> None:
    """The help shows the default of what runs, which it does not load."""
    assert Options().drain_seconds == DRAIN_SECONDS
