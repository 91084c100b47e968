"""How the FTPS server behaves: what the configuration and the defaults come to."""

from __future__ import annotations

from dataclasses import dataclass, field

from sealgate.policy.inventory import PassivePorts
from sealgate.protocols.ftps.tls import TLSFiles


@dataclass(frozen=True, slots=True)
class FTPSSettings:
    """
    How the server behaves. Times in seconds.

    *tls* names the files of certificate, key and the CA of clients; they are read again when
    they change. *trusted_proxies* are networks whose balancers speak the PROXY protocol;
    data connections then come from the client all the same, or from the balancer.
    *connect_seconds* is how long a transfer waits for its data connection, *fault_seconds* how
    long it still does when one came that is not the right one, *handshake_seconds* how long
    such a one may stay, *data_seconds* how long the right one may stand still.
    """

    tls: TLSFiles
    passive: PassivePorts = field(default_factory=PassivePorts)
    login_seconds: float = 60
    idle_seconds: float = 300
    connect_seconds: float = 30
    fault_seconds: float = 3
    handshake_seconds: float = 10
    data_seconds: float = 120
    attempts: int = 3
    max_connections: int = 512
    max_connections_per_address: int = 64
    trusted_proxies: tuple[str, ...] = ()
    sign_in_threads: int = 2
    store_threads: int = 8
