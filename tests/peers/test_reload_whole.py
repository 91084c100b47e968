"""
A reload is taken over whole or not at all: every step of every service fails once.

All of it serves: Envoy, relays that inspect, the signer of answers over plain HTTP, the sign-in
service, SFTP, FTPS, monitoring. Two configurations, ``a`` and ``b``, differ in what each of them
does; after a reload that failed, ``a`` is wholly in force and nothing of ``b``.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from sealgate import child_process
from sealgate.config.load import load
from sealgate.errors import GatewayError, SealgateError
from sealgate.serve.running import Options, RunningGateway
from sealgate.serve.supervisor import NotPutBackError, Supervisor
from tests.peers.served import Place
from tests.peers.transferred import file_place
from tests.ports import free_port
from tests.told import TOLD
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Generation = Literal["a", "b"]
STEPS = ("prepare", "commit")
# The part of the supervisor, and the processes that it has, if any.
SERVICES = ("envoy", "relays", "signer", "sign_in", "file_servers", "monitoring")
CONFIG = """\
[listen]
https = "127.0.0.1:{https}"
http = "127.0.0.1:{http}"
sftp = "127.0.0.1:{sftp}"
ftps = "127.0.0.1:{ftps}"
ftps_domain = "localhost"
metrics = "127.0.0.1:{metrics}"
[operator]
name = "Shop {generation}"
country = "DE"
[[site]]
domains = ["localhost"]
upstream = "http://127.0.0.1:{upstream}"
preset = "none"
[[site.route]]
path = "/"
class = "public"
inspect = "enforce"
[[site.route]]
path = "/looked-{generation}"
class = "public"
inspect = "enforce"
[[site.route]]
path = "/signed-{generation}"
class = "public"
inspect = "enforce"
plain_http = true
[[site.route]]
path = "/members-{generation}"
class = "restricted"
inspect = "off"
[[drop]]
name = "{generation}"
class = "public"
store = "file:stores/{generation}"
admit = ["group:partners"]
"""


@dataclass
class World:
    """A gateway that serves everything, and where either configuration would be seen."""

    folder: Path
    upstream: int
    serves: Generation = "a"
    ports: dict[Generation, dict[str, int]] = field(default_factory=dict)

    def write(self, generation: Generation) -> str:
        """Write the configuration *generation*; return its path."""
        doors = ("https", "http", "sftp", "ftps", "metrics")
        ports = self.ports.setdefault(generation, {door: free_port() for door in doors})
        text = CONFIG.format(generation=generation, upstream=self.upstream, **ports)
        path = self.folder / "sealgate.toml"
        path.write_text(text)
        return str(path)

    def seen(self, generation: Generation) -> dict[str, bool]:
        """Return which parts of the configuration *generation* are in force, by name."""
        ports = self.ports[generation]
        page = self.get(ports["https"], f"/.sealgate/sign-in?to=/members-{generation}")
        return {
            "envoy": self.get(ports["https"], "/")[0] == 200,
            "relays": self.get(ports["https"], f"/looked-{generation}")[0] == 200,
            "signer": "signature" in self.get(ports["http"], f"/signed-{generation}", tls=False)[1],
            "sign-in": f"(/members-{generation}) is Public Restricted" in page[2],
            "sftp": self.greeted(ports["sftp"], b"SSH-2.0"),
            "ftps": self.greeted(ports["ftps"], b"220"),
            "monitoring": self.get(ports["metrics"], "/healthz", tls=False)[0] == 200,
        }

    def get(self, port: int, path: str, *, tls: bool = True) -> tuple[int, set[str], str]:
        """Return the status, the names of headers and the body of *path*; 0 without an answer."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection("localhost", port, timeout=5, context=context)
            if tls
            else http.client.HTTPConnection("localhost", port, timeout=5)
        )
        try:
            connection.request("GET", path, headers={"accept": "text/html"})
            answer = connection.getresponse()
            names = {name.lower() for name, _ in answer.getheaders()}
            return answer.status, names, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return 0, set(), ""
        finally:
            connection.close()

    def greeted(self, port: int, greeting: bytes) -> bool:
        """Return whether a server says *greeting* at *port*."""
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as one:
                one.settimeout(5)
                return one.recv(64).startswith(greeting)
        except OSError:
            return False

    def is_whole(self) -> bool:
        """Return whether all of what is served is in force, and nothing of the other."""
        return all(self.seen(self.serves).values()) and not any(
            self.seen(other(self.serves)).values()
        )


def other(generation: Generation) -> Generation:
    """Return the configuration that *generation* is not."""
    return "b" if generation == "a" else "a"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run a site, and give the place of its gateway."""
    from tests.peers.served import site_running  # noqa: PLC0415

    with site_running() as site:
        yield World(tmp_path_factory.mktemp("whole"), site.server_port)


@pytest.fixture(scope="module")
def gateway(world: World) -> Iterator[RunningGateway]:
    """Run everything by the configuration ``a``."""
    options = Options(workers=1, tick_seconds=0.2, drain_seconds=0.0)
    with RunningGateway(load(world.write("a")), options) as running:
        world.write("b")
        assert wait_until(world.is_whole), world.seen("a")
        yield running


def processes_of(services: Supervisor, name: str) -> list[int]:
    """Return the processes of one service, those that wait for a change included."""
    if name == "envoy":
        return [services.envoy.pid] if services.envoy.pid is not None else []
    return [pid for pid in children() if CHILDREN.get(name, "\0") in command_of(pid)]


CHILDREN = {
    "relays": "inspection.adapters.relay_worker",
    "signer": "inspection.adapters.signer_worker",
    "sign_in": "signin.adapters.child",
    "file_servers": "sealgate.protocols.workers",
}


def children() -> list[int]:
    """Return the processes that this one started."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        # A thread may end while it is looked at; its processes end with it.
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def command_of(pid: int) -> str:
    """Return the command line of *pid*."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def services_of(gateway: RunningGateway) -> Supervisor:
    """Return what supervises the services."""
    return gateway._supervisor


def is_taken_over(gateway: RunningGateway) -> bool:
    """Reload; return whether it says that the configuration was taken over."""
    try:
        gateway.reload()
    except NotPutBackError as error:
        raise AssertionError(error.message) from error
    except SealgateError:
        return False
    return True


def injected(step: Callable[..., Any], fault: Callable[[], None], *, after: bool) -> Any:
    """Return *step* with *fault* before or *after* it, once."""
    left = 1

    def run(*arguments: Any) -> Any:
        nonlocal left
        now, left = left > 0, left - 1
        if now and not after:
            fault()
        done = step(*arguments)
        if now and after:
            fault()
        return done

    return run


def refuse() -> None:
    """Fail as a service does that cannot be had."""
    raise GatewayError("a service does not start")


def break_down() -> None:
    """Fail as nobody foresaw."""
    raise RuntimeError("nobody foresaw this")


# These also run where time is short: each step and each kind of service, the first and the last.
_SHORT_REFUSED = {
    ("relays", "prepare"),
    ("monitoring", "prepare"),
    ("envoy", "commit"),
    ("sign_in", "commit"),
}
_SHORT_KILLED = {("envoy", "commit"), ("file_servers", "prepare")}


def _case(name: str, step: str, kind: str, *, short: bool) -> Any:
    return pytest.param(name, step, kind, True, marks=() if short else (pytest.mark.soak,))


def cases() -> Iterator[Any]:
    """Yield the service, the step, the fault, and whether it comes after what the step does."""
    for name in SERVICES:
        for step in STEPS:
            yield pytest.param(name, step, "refused", False, marks=pytest.mark.soak)
            yield _case(name, step, "refused", short=(name, step) in _SHORT_REFUSED)
            yield pytest.param(name, step, "unforeseen", True, marks=pytest.mark.soak)
            if name != "monitoring":
                yield _case(name, step, "killed", short=(name, step) in _SHORT_KILLED)
    yield pytest.param("sign_in", "commit", "stopped", False, marks=pytest.mark.soak)
    yield "file_servers", "commit", "stopped", False


@pytest.mark.parametrize(("name", "step", "kind", "after"), tuple(cases()))
def test_a_reload_is_whole_or_nothing(  # the table above
    world: World,
    gateway: RunningGateway,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    name: str,
    step: str,
    kind: str,
    after: bool,  # noqa: FBT001
) -> None:
    """What is said is true: the old one is wholly in force, or the new one; then a reload works."""
    services = services_of(gateway)
    service = getattr(services, name)
    before, wanted = world.serves, other(world.serves)

    known = processes_of(services, name)

    def strike() -> None:
        found = processes_of(services, name)
        if kind == "stopped":
            # Those that were made ready for the change; the sign-in service is one for all.
            found = [pid for pid in found if pid not in known] or found
        for pid in found:
            os.kill(pid, signal.SIGKILL if kind == "killed" else signal.SIGSTOP)

    faults = {"refused": refuse, "unforeseen": break_down}
    world.write(wanted)
    with monkeypatch.context() as patched:
        patched.setattr(child_process, "ANSWER_SECONDS", 2.0)
        fault = faults.get(kind, strike)
        patched.setattr(service, step, injected(getattr(service, step), fault, after=after))
        taken_over = is_taken_over(gateway)
    if kind in faults:
        assert not taken_over
    world.serves = wanted if taken_over else before
    assert wait_until(world.is_whole), (world.serves, world.seen("a"), world.seen("b"))
    record_property(
        TOLD,
        f"reload, {name} {kind} {'after' if after else 'before'} {step}: "
        f"{'the new' if taken_over else 'the old'} configuration is wholly in force",
    )
    # Nothing that failed is in the way of the next.
    gateway.reload()
    world.serves = wanted
    assert wait_until(world.is_whole), (world.serves, world.seen("a"), world.seen("b"))


def moved(place: Place) -> tuple[int, int]:
    """Have the next reload listen elsewhere; return the port of now and the next one."""
    old, new = place.https, Place(place.folder, 0).https
    place.https = new
    place.write("/")
    return old, new


def answers(place: Place, port: int) -> bool:
    """Return whether the site is served on *port*."""
    place.https = port
    return place.status("/") == 200


def test_an_address_that_somebody_else_has_changes_nothing(place: Place) -> None:
    """It is the last that is looked at, and before anything changes."""
    place.write("/")
    with place.serving(), socket.create_server(("127.0.0.1", free_port())) as taken:
        old, new = moved(place)
        good = place.config.read_text()
        metrics = f'[listen]\nmetrics = "127.0.0.1:{taken.getsockname()[1]}"'
        place.config.write_text(good.replace("[listen]", metrics))
        done = place.sealgate("reload")
        assert done.returncode != 0
        assert "cannot listen on" in done.stderr
        assert answers(place, old)
        assert not answers(place, new)
        place.config.write_text(good)
        done = place.sealgate("reload")
        assert done.returncode == 0, done.stderr
        assert answers(place, new)
        assert wait_until(lambda: not answers(place, old))


@pytest.mark.parametrize("fault", [refuse, break_down])
def test_what_cannot_be_put_back_is_said(
    place: Place, monkeypatch: pytest.MonkeyPatch, fault: Callable[[], None]
) -> None:
    """Nobody is told that what was served before stays, where it does not."""
    place.write("/")
    with RunningGateway(load(str(place.config)), Options(workers=1)) as gateway:
        moved(place)
        services = services_of(gateway)
        with monkeypatch.context() as patched:
            patched.setattr(services.file_servers, "commit", refuse)
            patched.setattr(services.envoy, "roll_back", fault)
            with pytest.raises(NotPutBackError, match="cannot be put back whole") as caught:
                gateway.reload()
        assert caught.value.hint == "restart sealgate serve"
        assert "nobody foresaw" not in caught.value.message


def test_the_certificate_of_ftps_is_put_back(tmp_path: Path) -> None:
    """A reload that fails after file servers were made ready leaves the certificate that they show."""
    with (
        file_place(tmp_path) as files,
        socket.create_server(("127.0.0.1", free_port())) as taken,
        files.serving(),
    ):
        good = files.config.read_text()
        shown = ssl.get_server_certificate(("127.0.0.1", files.ftps_implicit))
        metrics = f'[listen]\nmetrics = "127.0.0.1:{taken.getsockname()[1]}"'
        other = good.replace('ftps_domain = "localhost"', 'ftps_domain = "files.example"')
        files.config.write_text(other.replace("[listen]", metrics))
        assert files.sealgate("reload").returncode != 0
        assert ssl.get_server_certificate(("127.0.0.1", files.ftps_implicit)) == shown
        files.config.write_text(other)
        assert files.sealgate("reload").returncode == 0
        assert ssl.get_server_certificate(("127.0.0.1", files.ftps_implicit)) != shown
