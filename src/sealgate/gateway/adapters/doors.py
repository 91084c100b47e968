"""
Looks at addresses before Envoy takes them: are they free, may we, does the site answer.

Envoy shares a port with another process of the same user (SO_REUSEPORT) and calls
itself ready when it could not bind; asking the kernel first gives the clear answer.
"""

from __future__ import annotations

import errno
import hashlib
import socket
import ssl
from typing import TYPE_CHECKING

from sealgate.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.policy.inventory import Address, Upstream

PRIVILEGED_BELOW = 1024
_ANSWER_SECONDS = 0.5
_LOOK_SECONDS = 5.0
# An address that means all of them is reached at loopback.
_LOOPBACK = {"::": "127.0.0.1", "0.0.0.0": "127.0.0.1"}  # noqa: S104  # compared with, not bound


def shown(address: Address) -> str:
    """Return *address* as it stands in a URL: ``[::]:443``."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def free_port(host: str) -> int:
    """
    Return a port of *host* that nobody listens on now; somebody else may be quicker.

    Raises:
        GatewayError: *host* is no address of this machine.
    """
    with _bound(host, 0) as found:
        return int(found.getsockname()[1])


def bound(address: Address) -> socket.socket:
    """
    Return a socket that listens on *address*.

    Raises:
        GatewayError: it is in use, is not of this machine, or is not allowed to us.
    """
    return _bound(address.host, address.port)


def refuse_taken(addresses: Iterable[Address]) -> None:
    """
    Refuse addresses that Envoy could not have to itself.

    Raises:
        GatewayError: one is in use, is not of this machine, or is not allowed to us.
    """
    for address in addresses:
        _bound(address.host, address.port).close()


def answers(upstream: Upstream) -> bool:
    """Return whether *upstream* accepts a connection now; nothing is sent."""
    try:
        if upstream.scheme == "unix":
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
                one.settimeout(_ANSWER_SECONDS)
                one.connect(upstream.host)
        else:
            socket.create_connection((upstream.host, upstream.port), _ANSWER_SECONDS).close()
    except (OSError, UnicodeError):
        return False
    return True


def shown_fingerprint(address: Address, server_name: str) -> str | None:
    """
    Return the SHA-256 (lower-case hex) of the certificate that our own door shows.

    ``None``: it could not be seen. Nothing is trusted and nothing is sent.
    """
    host = _LOOPBACK.get(address.host, address.host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, address.port), _LOOK_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=server_name) as secured,
        ):
            shown_one = secured.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None
    return hashlib.sha256(shown_one).hexdigest() if shown_one else None


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    where = f"[{host}]:{port}" if family is socket.AF_INET6 else f"{host}:{port}"
    try:
        one = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise GatewayError(
            f"cannot listen on {where}: this machine has no IPv6",
            hint=f'listen on "0.0.0.0:{port}"',
        ) from error
    try:
        # As Envoy does: connections of an earlier run that linger do not count.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        one.bind((host, port))
        one.listen(1)
    except OSError as error:
        one.close()
        raise _explained(where, port, error) from error
    return one


def _explained(where: str, port: int, error: OSError) -> GatewayError:
    if error.errno == errno.EADDRINUSE:
        return GatewayError(
            f"cannot listen on {where}: the port is in use",
            hint=f"ss -tlnp 'sport = :{port}'",
        )
    if error.errno in {errno.EACCES, errno.EPERM} and port < PRIVILEGED_BELOW:
        return GatewayError(
            f"cannot listen on {where}: ports below {PRIVILEGED_BELOW} are not allowed to this user",
            hint="give the systemd unit AmbientCapabilities=CAP_NET_BIND_SERVICE, or listen on"
            ' ":8443"',
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return GatewayError(
            f"cannot listen on {where}: this machine does not have that address",
            hint="ip -brief address",
        )
    return GatewayError(f"cannot listen on {where}: {(error.strerror or 'refused').lower()}")
