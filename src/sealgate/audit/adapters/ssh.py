"""
What an SSH server offers: version, algorithms, host keys, and how one may sign in.

The lists come in clear before any key is agreed (RFC 4253, 7.1). For each kind of host key
one exchange is begun and left after the server's reply, which carries the key. How one may
sign in is only asked where Sealgate may send something: the request "none" of a user that
does not exist (RFC 4252, 5.2). No password and no key is ever sent.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealgate.audit.adapters.methods import ask_methods
from sealgate.audit.adapters.wire import HungUpError, Wire
from sealgate.audit.sightings import SSH_FACTS, seen, unseen
from sealgate.audit.ssh import (
    COOKIE_BYTES,
    DEBUG,
    DISCONNECT,
    GEX_INIT,
    GEX_REQUEST,
    IGNORE,
    KEX_INIT,
    Identification,
    KexInit,
    MalformedSSHError,
    kexinit,
    packet,
    parse_group_bits,
    parse_host_key,
    parse_identification,
    parse_kexinit,
    parse_packet,
    string,
)
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, FactValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.audit.model import Limits, Target
    from sealgate.policy.observation import Sighting

_GROUP_EXCHANGE = "diffie-hellman-group-exchange"
_IDENTIFICATION = b"SSH-2.0-Sealgate_audit\r\n"
_RSA = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
# Streamlined NTRU Prime: any bytes of this length are a public key.
_SNTRUP761_BYTES = 1158
# A public value that every group of 1024 bits and more contains, and no small subgroup.
_DH_BYTES = 120
# Least, wanted and most (RFC 4419, 3): as an old client asks, and as RFC 8270 demands.
_GEX_WEAK, _GEX_BITS = (1024, 1024, 8192), (2048, 3072, 8192)
_ENOUGH_BITS = 2048  # RFC 9142, 3.2
_MAX_MESSAGES = 32


class _Talk:
    """One connection up to the key exchange."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._buffer = b""
        wire.send(_IDENTIFICATION)
        self.identification = self._identification()

    def lists(self) -> KexInit:
        """Return what the server offers, its first message."""
        if not self.identification.protocol.startswith(("2.", "1.99")):
            raise PeerError(f"it speaks SSH {self.identification.protocol} only")
        return parse_kexinit(self.message())

    def message(self) -> bytes:
        """Return the payload of the next message that says something."""
        for _ in range(_MAX_MESSAGES):
            while (found := parse_packet(self._buffer)) is None:
                self._more()
            payload, self._buffer = found
            if not payload:
                raise MalformedSSHError("an SSH packet without payload")
            if payload[0] == DISCONNECT:
                raise HungUpError("the server ended the connection")
            if payload[0] not in {IGNORE, DEBUG}:
                return payload
        raise MalformedSSHError("nothing but messages to ignore")

    def send(self, payload: bytes) -> None:
        """Send *payload* as one packet."""
        self._wire.send(packet(payload))

    def group_bits(self, wanted: tuple[int, int, int]) -> int:
        """Ask for a group of *wanted* bits (least, wanted, most); return how long its prime is."""
        numbers = b"".join(bits.to_bytes(4, "big") for bits in wanted)
        self.send(bytes([GEX_REQUEST]) + numbers)
        return parse_group_bits(self.message())

    def _identification(self) -> Identification:
        while (found := parse_identification(self._buffer)) is None:
            self._more()
        identification, self._buffer = found
        return identification

    def _more(self) -> None:
        chunk = self._wire.receive(65536)
        if not chunk:
            raise HungUpError("the server closed the connection")
        self._buffer += chunk


def offered(address: str, port: int, limits: Limits) -> KexInit:
    """
    Return what the server offers to somebody who offers nothing.

    Raises:
        PeerError: it does not tell.
    """
    with Wire.connect(address, port, limits) as wire:
        return _Talk(wire).lists()


def probe_ssh(target: Target, limits: Limits, *, active: bool) -> list[Sighting]:
    """Observe what *target* offers; with *active* also how one may sign in."""
    seen_by = f"SSH key exchange with {target.where}"
    talk: _Talk | None = None
    try:
        with Wire.connect(target.address, target.port, limits) as wire:
            talk = _Talk(wire)
            lists = talk.lists()
    except PeerError as error:
        reason = f"{target.where}: {error.message}"
        if talk is None:
            return unseen(target.asset, SSH_FACTS, reason)
        # A server that only speaks the first version has no such lists.
        told: dict[Fact, FactValue] = {Fact.SSH_PROTOCOL: talk.identification.protocol}
        others = [fact for fact in SSH_FACTS if fact not in told]
        return [*seen(target.asset, told, seen_by), *unseen(target.asset, others, reason)]
    values: dict[Fact, FactValue] = {
        Fact.SSH_PROTOCOL: talk.identification.protocol,
        Fact.SSH_KEX: tuple(_with_its_group(target, name, lists, limits) for name in lists.kex),
        Fact.SSH_CIPHERS: lists.ciphers,
        Fact.SSH_MACS: lists.macs,
        Fact.SSH_HOST_KEY_ALGORITHMS: lists.host_keys,
        Fact.SSH_STRICT_KEX: lists.strict,
    }
    return [
        *seen(target.asset, values, seen_by),
        *_host_keys(target, lists, limits, seen_by),
        *_methods(target, limits, active=active),
    ]


def _with_its_group(target: Target, method: str, lists: KexInit, limits: Limits) -> str:
    # The name of a group exchange says nothing of its group. So named, no rule takes it for
    # the method of the registry.
    if _GROUP_EXCHANGE not in method or not lists.host_keys:
        return method
    for wanted in (_GEX_WEAK, _GEX_BITS):
        asked = False
        try:
            with Wire.connect(target.address, target.port, limits) as wire:
                talk = _Talk(wire)
                now = talk.lists()
                asked = True
                cookie = secrets.token_bytes(COOKIE_BYTES)
                talk.send(kexinit(method, lists.host_keys[0], now, cookie))
                bits = talk.group_bits(wanted)
        except (HungUpError, MalformedSSHError):
            # Who refuses the first one gives no weak group. Who was not asked refused nothing.
            if asked:
                continue
            break
        except PeerError:
            break
        return method if bits >= _ENOUGH_BITS else f"{method} ({bits} bits)"
    return f"{method} (with a group that was not shown)"


def _host_keys(target: Target, lists: KexInit, limits: Limits, seen_by: str) -> list[Sighting]:
    # The three signatures of RSA (RFC 8332) are made with one key.
    families: dict[str, str] = {}
    for algorithm in lists.host_keys:
        families.setdefault("rsa" if algorithm in _RSA else algorithm, algorithm)
    found = []
    try:
        for algorithm in families.values():
            found.append(_host_key(target, algorithm, limits))
    except PeerError as error:
        reason = f"{target.where}: its host key for {algorithm}: {error.message}"
        return unseen(target.asset, (Fact.SSH_HOST_KEYS,), reason)
    keys = tuple(dict.fromkeys(found))
    return seen(target.asset, {Fact.SSH_HOST_KEYS: keys}, seen_by)


def _methods(target: Target, limits: Limits, *, active: bool) -> list[Sighting]:
    facts = (Fact.SSH_AUTH_METHODS,)
    if not active:
        reason = "a sign-in is only begun at a configured drop, or with --active"
        return unseen(target.asset, facts, reason)
    try:
        methods = ask_methods(target.address, target.port, limits)
    except PeerError as error:
        return unseen(target.asset, facts, f"{target.where}: {error.message}")
    seen_by = f'SSH request "none" to {target.where}'
    return seen(target.asset, {Fact.SSH_AUTH_METHODS: methods}, seen_by)


def _host_key(target: Target, algorithm: str, limits: Limits) -> str:
    """
    Return the host key that *target* has for *algorithm*: "RSA-3072".

    Raises:
        PeerError: it did not show it.
    """
    with Wire.connect(target.address, target.port, limits) as wire:
        talk = _Talk(wire)
        lists = talk.lists()
        method = next((m for m in lists.kex if m in _SHARES or "diffie-hellman" in m), None)
        if method is None:
            raise PeerError("it offers no key exchange that this version can begin")
        talk.send(kexinit(method, algorithm, lists, secrets.token_bytes(COOKIE_BYTES)))
        if _GROUP_EXCHANGE in method:
            talk.group_bits(_GEX_BITS)
            talk.send(bytes([GEX_INIT]) + string(_dh_share()))
        else:
            share = _SHARES.get(method, _dh_share)
            talk.send(bytes([KEX_INIT]) + string(share()))
        return parse_host_key(talk.message())


def _dh_share() -> bytes:
    # The leading byte keeps an mpint positive (RFC 4251, 5) and its length known.
    return b"\x55" + secrets.token_bytes(_DH_BYTES - 1)


def _x25519_share() -> bytes:
    key = x25519.X25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _curve_share(curve: ec.EllipticCurve) -> bytes:
    key = ec.generate_private_key(curve).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _mlkem_share() -> bytes:
    key = MLKEM768PrivateKey.generate().public_key()
    return key.public_bytes_raw()


_SHARES: dict[str, Callable[[], bytes]] = {
    "curve25519-sha256": _x25519_share,
    "curve25519-sha256@libssh.org": _x25519_share,
    "ecdh-sha2-nistp256": lambda: _curve_share(ec.SECP256R1()),
    "ecdh-sha2-nistp384": lambda: _curve_share(ec.SECP384R1()),
    "ecdh-sha2-nistp521": lambda: _curve_share(ec.SECP521R1()),
    "mlkem768x25519-sha256": lambda: _mlkem_share() + _x25519_share(),
    "mlkem768nistp256-sha256": lambda: _mlkem_share() + _curve_share(ec.SECP256R1()),
    "sntrup761x25519-sha512": lambda: secrets.token_bytes(_SNTRUP761_BYTES) + _x25519_share(),
    "sntrup761x25519-sha512@openssh.com": lambda: (
        secrets.token_bytes(_SNTRUP761_BYTES) + _x25519_share()
    ),
}
