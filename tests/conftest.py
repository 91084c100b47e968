"""What holds for all tests: how Hypothesis looks for counterexamples, what signals do, how many run at once."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.examples import SOAK
from tests.told import TOLD

# Set for processes of pytest-xdist by their parent, whose readline(3) takes the usual size for
# the one of its terminal: what commands print in a pipe is as wide wherever tests run.
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)

# Whatever tests start is compiled once, and not at each of hundreds of starts.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says how busy the machine is; tests that are about cost measure it.
settings.register_profile(
    "sealgate", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile(SOAK, settings.get_profile("sealgate"))
settings.load_profile("sealgate")

# Behind nohup or in the background of a script these are ignored, also by what tests start.
for _number, _usual in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """
    Return how many processes share the whole suite: two more than cores, but at most four.

    Most tests wait for a peer, while others work; more than four would need more
    inotify instances for their Envoys than Linux gives a user (128). What is named on the
    command line runs in pytest's own process, where a debugger works.
    """
    if config.args_source is config.ArgsSource.ARGS:
        return 0
    return min(len(os.sched_getaffinity(0)) + 2, 4)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """
    Keep the paths of temporary files as short in one of several processes: sockets lie there.

    unix(7) allows 107 bytes; ``popen-gw0`` would take nine of them.
    """
    if hasattr(config, "workerinput"):
        given = Path(config.option.basetemp)
        config.option.basetemp = str(given.with_name(given.name.removeprefix("popen-gw")))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded to be told, whatever process they ran in."""
    lines = [
        str(value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == TOLD and report.when == "call"
    ]
    if lines:
        terminalreporter.section("told by tests")
        for line in lines:
            terminalreporter.write_line(line)
