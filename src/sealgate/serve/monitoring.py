"""
The endpoint that monitoring asks: figures, whether we live, whether we serve.

It listens on loopback, answers three paths and takes nothing. What the gateway's thread
knows it leaves here at each tick; what Envoy and the register know is asked when somebody
wants it, in threads of the endpoint, so that nothing of this holds the gateway up.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from sealgate.errors import GatewayError, SealgateError
from sealgate.gateway.adapters.doors import shown
from sealgate.gateway.model import OPENED
from sealgate.report.metrics import CONTENT_TYPE, Family, Kind, exposition, gauge

if TYPE_CHECKING:
    from sealgate.policy.inventory import Address
    from sealgate.serve.deployment import Deployment

# The gateway's thread has been stuck for longer than a reload may take: not healthy.
STUCK_SECONDS = 120.0
# What the register counts is asked at most so often.
REGISTER_SECONDS = 30.0
_REQUEST_SECONDS = 5.0
_MAX_THREADS = 16
_DOORS = ("https", "http")
_OPENED = f".route.{OPENED}.upstream_rq_total"
# RFC 9110, 15.5.20.
_NOT_HERE = (
    421,
    "text/plain; charset=utf-8",
    "monitoring is asked for by address or as localhost, not by another name\n",
)
# As the gateway counts how often somebody asks (sealgate.gateway.translate.limits).
_RATES = ("requests", "sessions", "pages")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    What the gateway's thread knew at its last tick; times in seconds since the epoch.

    *serves* tells that everything is enforced as configured. *ends* are the ends of the
    certificates per site, *kept* whether each that is fetched is as it should be. *fenced*
    tells of each drop, by name, whether its store is damaged, so that it is not served.
    """

    serves: bool
    started_at: float
    applied_at: float
    crashes: int
    faults: int
    ends: Mapping[str, float] = field(default_factory=dict)
    kept: Mapping[str, bool] = field(default_factory=dict)
    sessions: Mapping[str, int] = field(default_factory=dict)
    fenced: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Registered:
    """
    What the register counts, and how the last audit ended.

    *transfers* hold action, protocol, result, how many there are and their bytes.
    """

    transfers: tuple[tuple[str, str, str, int, int], ...] = ()
    audited_at: float | None = None
    open_findings: int = 0


@dataclass(frozen=True, slots=True)
class Sources:
    """Where figures come from, and whether Envoy serves; all may be asked from any thread."""

    counters: Callable[[], Mapping[str, int]]
    is_ready: Callable[[], bool]
    registered: Callable[[], Registered]


class Monitoring:
    """The endpoint of one gateway; opened by :meth:`commit`."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._servers: dict[Address, _Server] = {}
        self._next: dict[Address, _Server] | None = None
        self._snapshot: Snapshot | None = None
        self._ticked = time.monotonic()
        self._lock = threading.Lock()
        self._registered = Registered()
        self._registered_until = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether anybody may ask."""
        return bool(self._servers)

    def prepare(self, wanted: Deployment) -> None:
        """
        Have the addresses of *wanted*; nobody is answered at new ones yet.

        Raises:
            GatewayError: an address cannot be had.
        """
        self.roll_back()
        self._next = {}
        for address in wanted.metrics:
            self._next[address] = self._servers.get(address) or _Server(address, self)

    def commit(self) -> tuple[str, ...]:
        """Answer at what was prepared, and where it was answered before; return what changed."""
        before, now = self._servers, self._next or {}
        for address, server in now.items():
            if address not in before:
                server.start()
        return ("monitoring",) if before.keys() != now.keys() else ()

    def confirm(self, _drain_seconds: float) -> None:
        """Answer nowhere else any more."""
        before, self._servers, self._next = self._servers, self._next or {}, None
        for address, server in before.items():
            if address not in self._servers:
                server.end()

    def roll_back(self) -> None:
        """Answer where it was answered before, and nowhere else."""
        made, self._next = self._next or {}, None
        for address, server in made.items():
            if address not in self._servers:
                server.end()

    def status(self) -> dict[str, object]:
        """Return nothing: who asks it knows where it is."""
        return {}

    def request_stop(self, _drain_seconds: float) -> None:
        """Say from now on that nothing more should be sent here."""
        if self._snapshot is not None:
            self._snapshot = dataclasses.replace(self._snapshot, serves=False)

    def await_end(self, _hurry: Callable[[], bool]) -> bool:
        """Listen no more; return whether it ended by itself, as it does."""
        self.kill()
        return True

    def kill(self) -> None:
        """Listen no more."""
        self.roll_back()
        servers, self._servers = self._servers, {}
        for server in servers.values():
            server.end()

    def note(self, snapshot: Snapshot) -> None:
        """Keep what the gateway's thread knows, until it knows more."""
        self._snapshot = snapshot
        self._ticked = time.monotonic()

    def answer(self, path: str) -> tuple[int, str, str]:
        """Return status, content type and body for a GET of *path*."""
        match path:
            case "/metrics":
                return 200, CONTENT_TYPE, exposition(self._families())
            case "/healthz":
                stuck = time.monotonic() - self._ticked > STUCK_SECONDS
                return _verdict("the gateway's thread is stuck" if stuck else "")
            case "/readyz":
                return _verdict(self._why_not_ready())
            case _:
                return 404, "text/plain; charset=utf-8", "try /metrics, /healthz or /readyz\n"

    def _why_not_ready(self) -> str:
        snapshot = self._snapshot
        if snapshot is None:
            return "the gateway has not started yet"
        if time.monotonic() - self._ticked > STUCK_SECONDS:
            return "the gateway's thread is stuck"
        if not snapshot.serves:
            return "what is configured is not enforced yet"
        return "" if self._sources.is_ready() else "envoy does not serve"

    def _families(self) -> Iterator[Family]:
        snapshot = self._snapshot
        yield gauge("sealgate_ready", "Whether requests are served.", not self._why_not_ready())
        if snapshot is not None:
            yield from _of_gateway(snapshot)
        with contextlib.suppress(GatewayError):
            yield from _of_envoy(self._sources.counters())
        yield from _of_register(self._known())

    def _known(self) -> Registered:
        with self._lock:
            if time.monotonic() >= self._registered_until:
                self._registered_until = time.monotonic() + REGISTER_SECONDS
                with contextlib.suppress(SealgateError):
                    self._registered = self._sources.registered()
            return self._registered


def _verdict(wrong: str) -> tuple[int, str, str]:
    return (503 if wrong else 200), "text/plain; charset=utf-8", f"{wrong or 'ok'}\n"


def _of_gateway(one: Snapshot) -> Iterator[Family]:
    yield gauge("sealgate_start_time_seconds", "When it was started.", one.started_at)
    yield gauge(
        "sealgate_last_change_time_seconds",
        "When a configuration, certificate or admission was last taken over.",
        one.applied_at,
    )
    yield gauge(
        "sealgate_envoy_crashes", "How often Envoy ended by itself, as far as known.", one.crashes
    )
    yield gauge("sealgate_faults", "What could not be taken over and is tried again.", one.faults)
    yield Family(
        "sealgate_certificate_end_time_seconds",
        Kind.GAUGE,
        "When the certificate that is shown ends.",
        tuple(({"site": site}, end) for site, end in sorted(one.ends.items())),
    )
    yield Family(
        "sealgate_certificate_kept",
        Kind.GAUGE,
        "Whether the certificate that is fetched is shown, and renewed in time.",
        tuple(({"site": site}, kept) for site, kept in sorted(one.kept.items())),
    )
    yield Family(
        "sealgate_file_sessions",
        Kind.GAUGE,
        "Who is signed in to the file servers.",
        tuple(({"protocol": name}, n) for name, n in sorted(one.sessions.items())),
    )
    yield Family(
        "sealgate_drop_damaged",
        Kind.GAUGE,
        "Whether the store of the drop is damaged, so that it is not served.",
        tuple(({"drop": name}, is_so) for name, is_so in sorted(one.fenced.items())),
    )


def _of_envoy(counters: Mapping[str, int]) -> Iterator[Family]:
    def of_doors(name: str, kind: Kind, meaning: str, statistic: str) -> Family:
        return Family(
            name,
            kind,
            meaning,
            tuple(
                ({"door": door}, counters[f"http.{door}.{statistic}"])
                for door in _DOORS
                if f"http.{door}.{statistic}" in counters
            ),
        )

    def of_listeners(name: str, meaning: str, ending: str) -> Family:
        found = [v for key, v in counters.items() if key.endswith(ending) and ".admin." not in key]
        return Family(name, Kind.COUNTER, meaning, (({}, sum(found)),) if found else ())

    counter, both = Kind.COUNTER, Kind.GAUGE
    yield of_doors("sealgate_requests_total", counter, "Requests.", "downstream_rq_total")
    yield of_doors("sealgate_requests_active", both, "Requests now.", "downstream_rq_active")
    yield of_doors("sealgate_connections_active", both, "Connections now.", "downstream_cx_active")
    yield Family(
        "sealgate_responses_total",
        counter,
        "Responses by the first digit of their status.",
        tuple(
            ({"door": door, "code": f"{digit}xx"}, counters[key])
            for door in _DOORS
            for digit in range(1, 6)
            if (key := f"http.{door}.downstream_rq_{digit}xx") in counters
        ),
    )
    yield Family(
        "sealgate_requests_limited_total",
        counter,
        "Requests refused because their address asked too often.",
        tuple(
            ({"rate": rate}, counters[key])
            for rate in _RATES
            if (key := f"{rate}.http_local_rate_limit.rate_limited") in counters
        ),
    )
    yield of_doors("sealgate_refused_at_locks_total", counter, "Refused at locks.", "rbac.denied")
    yield Family("sealgate_admitted_at_locks_total", counter, "Let in.", tuple(_let_in(counters)))
    yield of_listeners("sealgate_tls_handshakes_total", "Handshakes.", ".ssl.handshake")
    yield of_listeners(
        "sealgate_tls_errors_total", "Handshakes that failed.", ".ssl.connection_error"
    )
    yield of_listeners(
        "sealgate_connections_refused_total",
        "Connections refused because there were too many.",
        ".downstream_cx_overflow",
    )


def _let_in(counters: Mapping[str, int]) -> Iterator[tuple[dict[str, str], int]]:
    # By the table of a route, or by the match of one of its entries (ADR 3).
    of_entries = sum(v for key, v in counters.items() if key.endswith(_OPENED))
    if (of_tables := counters.get("http.https.rbac.allowed")) is not None or of_entries:
        yield {"door": "https"}, (of_tables or 0) + of_entries


def _of_register(one: Registered) -> Iterator[Family]:
    yield Family(
        "sealgate_transfers_total",
        Kind.COUNTER,
        "Events of file transfer in the register.",
        tuple(
            ({"action": action, "protocol": protocol, "result": result}, count)
            for action, protocol, result, count, _ in one.transfers
        ),
    )
    yield Family(
        "sealgate_transfer_bytes_total",
        Kind.COUNTER,
        "Bytes of these.",
        tuple(
            ({"action": action, "protocol": protocol, "result": result}, size)
            for action, protocol, result, _, size in one.transfers
        ),
    )
    if one.audited_at is not None:
        yield gauge("sealgate_audit_time_seconds", "When the last audit was.", one.audited_at)
        yield gauge("sealgate_audit_open_findings", "What the last audit found.", one.open_findings)


def _is_own_host(values: Sequence[str]) -> bool:
    """
    Return whether a request was made for an address, or for a name that this machine has by itself.

    A page in a browser of this machine can have its own name lead here (DNS rebinding), and would
    then read the answer as its own; a name that is none of ours tells it. Programs that send no
    Host are no browsers.
    """
    if not values:
        return True
    host = re.sub(r":[0-9]{1,5}\Z", "", values[0].strip().lower()).removesuffix(".")
    if len(values) > 1:
        return False
    if host in {"localhost", socket.gethostname().lower()}:
        return True
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


class _Server:
    def __init__(self, address: Address, monitoring: Monitoring) -> None:
        class Handler(_Handler):
            answered = monitoring

        try:
            self._server = _Bounded((address.host, address.port), Handler)
        except OSError as error:
            raise GatewayError(
                f"cannot listen on {shown(address)}: {(error.strerror or 'error').lower()}",
                hint="give metrics another address under [listen]",
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.5},
            name="sealgate monitoring",
            daemon=True,
        )

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Bounded(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, *arguments: object) -> None:
        self._free = threading.BoundedSemaphore(_MAX_THREADS)
        super().__init__(*arguments)  # type: ignore[arg-type]  # those of the parent

    def process_request(self, request: object, client_address: object) -> None:
        # Whoever comes when all are busy is turned away: nobody of ours asks that often.
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)  # type: ignore[arg-type]  # a socket
            return
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def process_request_thread(self, request: object, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away


class _Handler(BaseHTTPRequestHandler):
    answered: Monitoring
    timeout = _REQUEST_SECONDS
    server_version, sys_version = "sealgate", ""

    def do_GET(self) -> None:
        if not _is_own_host(self.headers.get_all("host", [])):
            status, content_type, body = _NOT_HERE
        else:
            status, content_type, body = self.answered.answer(self.path.partition("?")[0])
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815  # the parent calls it so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name
        pass
