"""
Asks a running Envoy over its admin interface: ready, statistics, what it took over.

Speaks HTTP over the Unix socket that the bootstrap names. Nothing here changes Envoy but
:meth:`Admin.start_drain`, :meth:`Admin.reopen_logs` and :meth:`Admin.set_share`.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sealgate.errors import GatewayError
from sealgate.gateway.model import OPENED

if TYPE_CHECKING:
    from collections.abc import Mapping

# An answer longer than this is not read: statistics of some thousand routes fit well.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_SUBSCRIPTIONS = r"\.(version_text|update_rejected)$|warming"
_ACTIVE_REQUESTS = r"^http\..*\.downstream_rq_active$"
_COUNTED = (
    r"^http\.https?\.(downstream|rbac)|^listener\.[^.]*.*\.(ssl\..*|downstream_cx_overflow)$"
    rf"|\.http_local_rate_limit\.rate_limited$|\.route\.{OPENED}\.upstream_rq_total$"
)
_CONNECT_FOLDER = "/proc/self/fd"


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """
    What Envoy says of its configuration sources.

    *versions* and *rejected* are keyed by the subscription's name in the statistics
    (``cluster_manager.cds``, ``sds.NAME``). *warming* counts listeners and clusters
    that are accepted and not yet in use.
    """

    versions: Mapping[str, str]
    rejected: Mapping[str, int]
    warming: int


class Admin:
    """The admin interface behind the Unix socket *path*."""

    def __init__(self, path: str, *, timeout_seconds: float = 2.0) -> None:
        """Remember where to ask; nothing is opened yet."""
        self._path = Path(path)
        self._timeout_seconds = timeout_seconds

    def is_ready(self) -> bool:
        """Return whether Envoy has started and serves; ``False`` too when nobody answers."""
        try:
            status, body = self._ask("GET", "/ready")
        except GatewayError:
            return False
        return status == http.client.OK and body.strip() == b"LIVE"

    def subscriptions(self) -> Subscriptions:
        """
        Return version and rejections of every configuration source.

        Raises:
            GatewayError: Envoy does not answer.
        """
        versions: dict[str, str] = {}
        rejected: dict[str, int] = {}
        warming = 0
        for name, value in self._statistics(_SUBSCRIPTIONS).items():
            source, _, what = name.rpartition(".")
            if what == "version_text":
                versions[source] = str(value)
            elif what == "update_rejected":
                rejected[source] = _number(value)
            elif what in {"total_listeners_warming", "warming_clusters"}:
                warming += _number(value)
        return Subscriptions(versions, rejected, warming)

    def active_requests(self) -> int:
        """
        Return how many requests are under way, without those to the admin interface.

        Raises:
            GatewayError: Envoy does not answer.
        """
        counted = self._statistics(_ACTIVE_REQUESTS)
        return sum(_number(v) for k, v in counted.items() if not k.startswith("http.admin."))

    def counters(self) -> dict[str, int]:
        """
        Return what Envoy counted of requests, connections and handshakes, by its own names.

        Raises:
            GatewayError: Envoy does not answer.
        """
        return {name: _number(v) for name, v in self._statistics(_COUNTED).items()}

    def listening(self) -> tuple[tuple[str, int], ...]:
        """
        Return host and port of every active listener, as bound.

        Raises:
            GatewayError: Envoy does not answer, or not with that.
        """
        found = []
        for one in self._asked("/listeners?format=json", "listeners", "listener_statuses"):
            address = one.get("local_address", {}).get("socket_address", {})
            found.append((str(address.get("address")), int(address.get("port_value", 0))))
        return tuple(found)

    def listener_faults(self) -> tuple[str, ...]:
        """
        Return why a listener was refused, in Envoy's words; empty when none was.

        Raises:
            GatewayError: Envoy does not answer, or not with that.
        """
        dump = "/config_dump?resource=dynamic_listeners&mask=name,error_state.details"
        states = [one.get("error_state", {}) for one in self._asked(dump, "listeners", "configs")]
        return tuple(str(state["details"]) for state in states if state.get("details"))

    def start_drain(self) -> None:
        """
        Have Envoy accept no more connections and close each after its running request.

        Raises:
            GatewayError: Envoy does not answer.
        """
        # The first makes HTTP/1.1 answers say "close" and HTTP/2 say GOAWAY, the
        # second closes the listening sockets; neither cuts a running request.
        self._ask("POST", "/healthcheck/fail")
        self._ask("POST", "/drain_listeners")

    def reopen_logs(self) -> None:
        """
        Have Envoy open its log files by their names anew.

        Raises:
            GatewayError: Envoy does not answer.
        """
        self._ask("POST", "/reopen_logs")

    def set_share(self, key: str, of_ten_thousand: int) -> None:
        """
        Have Envoy go by that share where its configuration names the runtime *key*, until it ends.

        Raises:
            GatewayError: Envoy does not answer, or does not take it.
        """
        # As a fraction: a bare number would be taken for percent, whatever the default is.
        value = f'{{"numerator": {of_ten_thousand}, "denominator": "TEN_THOUSAND"}}'
        status, _ = self._ask("POST", f"/runtime_modify?{quote(key)}={quote(value)}")
        if status != http.client.OK:
            raise GatewayError(f"envoy answered {status} when told a share of requests")

    def _statistics(self, pattern: str) -> dict[str, object]:
        target = f"/stats?format=json&filter={quote(pattern)}"
        stats = self._asked(target, "statistics", "stats")
        return {one["name"]: one["value"] for one in stats if "name" in one}

    def _asked(self, target: str, what: str, key: str) -> list[dict[str, Any]]:
        """
        Return the list *key* in the JSON at *target*; Envoy leaves out one that is empty.

        Any other answer tells nothing, so it is an error: it must not be taken for "none".
        """
        status, body = self._ask("GET", target)
        if status != http.client.OK:
            raise GatewayError(f"envoy answered {status} when asked for its {what}")
        try:
            found: list[dict[str, Any]] = json.loads(body).get(key, [])
        except (ValueError, AttributeError) as error:
            raise GatewayError(f"envoy's answer about its {what} cannot be read") from error
        return found

    def _ask(self, method: str, target: str) -> tuple[int, bytes]:
        connection = _UnixConnection(self._path, self._timeout_seconds)
        try:
            connection.request(method, target)
            answer = connection.getresponse()
            return answer.status, answer.read(MAX_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise GatewayError(
                f"envoy does not answer on its admin socket: {type(error).__name__}"
            ) from error
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("envoy", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        # A socket's path is limited to 107 bytes (unix(7)); through an open folder it
        # is short whatever the state folder is called.
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"{_CONNECT_FOLDER}/{folder}/{self._path.name}")
        finally:
            os.close(folder)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
