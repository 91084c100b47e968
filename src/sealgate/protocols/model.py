"""
Who is at the other end of a connection, over what, and what they may do.

Frozen values; what follows from them is decided in :mod:`sealgate.protocols.authorize`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sealgate.errors import SealgateError
from sealgate.policy.protection import AccessRung
from sealgate.storage.model import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sealgate.audit.adapters.certificate import Trust
    from sealgate.audit.model import Limits, Opening, Target
    from sealgate.identity.grants import Grant
    from sealgate.policy.declarations import Declaration
    from sealgate.policy.inventory import Address, Inventory
    from sealgate.policy.observation import Fact, FactValue, Sighting
    from sealgate.policy.protection import TransitRung
    from sealgate.storage.model import Buffer, Entry, Space, StoreReader


class Method(StrEnum):
    """What a caller proved who they are with."""

    PASSWORD = "password"  # noqa: S105  # the name of a method
    PUBLIC_KEY = "public key"
    CLIENT_CERTIFICATE = "client certificate"
    ONE_TIME_CODE = "one-time code"
    RECOVERY_CODE = "recovery code"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: the *rule* that is broken ("" when none is), in words, and what to do."""

    rule: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FileProtocol:
    """
    One way in which files travel, and how a live connection over it is judged.

    *name* is what the register calls it, *title* what people do. *key* is what a client proves
    itself by besides a password. *rung* is what a connection is worth when both sides are
    authenticated by key, *below* why one is refused that is worth too little, in a sentence that
    begins with the subject that it is given. *has_tunnels*: its connections carry tunnels, too.
    """

    name: str
    title: str
    key: Method
    rung: Callable[[Channel], TransitRung]
    below: Callable[[str, Channel], Refusal]
    has_tunnels: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """
    The live connection, as measured on it and never as configured.

    *peer* is the client's address behind any balancer. For SSH *version* is ``SSH-2.0``,
    *group* the key exchange (``mlkem768x25519-sha256``), *cipher* and *mac* are those of the
    weaker direction (``mac`` is "" with an AEAD); *strict_kex* tells that both sides held the
    strict key exchange of OpenSSH's PROTOCOL, 1.10 (CVE-2023-48795), without which only
    AES-GCM is worth anything. For FTPS *version* is ``TLSv1.3``, *cipher* an IANA name,
    *group* the named group or "" when it could not be seen. *began_at* is when it began, in
    seconds since the epoch, before anything was proven over it; 0 when nobody knows.
    """

    protocol: FileProtocol
    peer: str
    version: str
    group: str
    cipher: str
    mac: str = ""
    strict_kex: bool = False
    began_at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Somebody who has signed in: every *method* that succeeded, and from which country.

    *country* is an ISO 3166-1 code, ``None`` when the address is in no database.
    *key* names the key or certificate that was used (its fingerprint), "" for a password.
    *grants* holds the latest grant for each asset that asks for one, whatever its state.
    *access* is the rung that they reached without a grant.
    """

    name: str
    groups: tuple[str, ...]
    methods: frozenset[Method]
    country: str | None
    key: str = ""
    grants: tuple[Grant, ...] = ()
    access: AccessRung = AccessRung.NONE


class Action(StrEnum):
    """What may be allowed or not in a drop."""

    LIST = "list"
    READ = "read"
    WRITE = "write"
    DELETE = "delete"  # rename needs it too, and overwriting


class TransferError(SealgateError):
    """
    A request that is answered with no; *trouble* chooses the protocol's own code.

    *rule* is the id of the rule that stands against it, when one does.
    """

    def __init__(
        self, trouble: Trouble, message: str, *, rule: str | None = None, hint: str | None = None
    ) -> None:
        """Keep *trouble* and *rule* beside *message* and *hint*."""
        super().__init__(message, hint=hint)
        self.trouble = trouble
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Event:
    """
    One thing that happened, for the register and the log; never any content.

    *action* is ``login``, ``refusal``, ``upload``, ``download``, ``rename``, ``delete``,
    ``folder`` or ``tunnel``; *result* is ``ok`` or why not. *digest* is the SHA-256 (hex) of
    the plain bytes of a whole upload or a whole sequential download, "" otherwise.
    *place* is ``DROP/PATH`` with whatever in it looks like data masked. *access* is the rung
    that the caller had reached there, *grant* the id of the grant that this took.
    """

    at: float
    action: str
    caller: str
    channel: Channel
    place: str
    classification: str
    size: int
    result: str
    digest: str = ""
    rule: str = ""
    key: str = ""
    access: AccessRung = AccessRung.NONE
    grant: str = ""


@dataclass(frozen=True, slots=True)
class MoreProof:
    """What one more proof would open: the *assets* (``drop plans``), and each way to give it."""

    assets: tuple[str, ...]
    ways: frozenset[Method]


class Uploading(Protocol):
    """One upload on its way, with everything that the drop demands of it."""

    @property
    def offset(self) -> int:
        """Return how many plain bytes are there; the next write must begin here."""

    def write_at(self, offset: int, data: Buffer) -> None:
        """Take the next bytes; a hole or a step back is refused (UNSUPPORTED)."""

    def set_modified(self, modified_at: float) -> None:
        """Remember the time that the file shall bear."""

    def close(self) -> None:
        """Finish: when this returns, the upload may be acknowledged."""

    def abort(self) -> None:
        """The client is gone: keep what can be resumed. Never raises."""


class FileSession(Protocol):
    """
    What one signed-in caller sees: each drop that admits them is a folder of the root.

    Paths come raw from the wire (bytes or text, absolute or relative to the root) and
    are checked inside. Every method may raise :class:`TransferError` and nothing else.
    Calls are synchronous; with *is_remote(path)* they may wait for a network.
    """

    def is_remote(self, path: bytes | str) -> bool:
        """Return whether calls about *path* may wait for a network. Never raises."""

    def real_path(self, path: bytes | str) -> str:
        """Return *path* absolute and in normal form; it need not exist."""

    def stat(self, path: bytes | str) -> Entry:
        """Return the entry at *path*; its path begins with the drop's name."""

    def list(self, path: bytes | str) -> Iterator[Entry]:
        """Yield what lies directly in the folder *path*."""

    def open_read(self, path: bytes | str) -> StoreReader:
        """Open a file; closing the reader writes the download to the trail."""

    def open_write(
        self,
        path: bytes | str,
        *,
        resume: bool = False,
        part_only: bool = False,
        exclusive: bool = False,
    ) -> Uploading:
        """
        Begin an upload, or go on with one.

        With *part_only* it goes on with what is not whole yet, and never with a whole file
        (UNSUPPORTED): a client whose upload over a file broke off would take that for its part.
        """

    def rename(self, old: bytes | str, new: bytes | str, *, replace: bool) -> None:
        """Rename inside one drop; the name rules hold for *new*, too."""

    def remove(self, path: bytes | str) -> None:
        """Remove a file."""

    def make_folder(self, path: bytes | str) -> None:
        """Make one folder."""

    def remove_folder(self, path: bytes | str) -> None:
        """Remove an empty folder."""

    def set_modified(self, path: bytes | str, modified_at: float) -> None:
        """Set a file's time."""

    def space(self, path: bytes | str) -> Space:
        """Return what fits at *path*."""

    def on_change(self, tell: Callable[[], None]) -> None:
        """
        Call *tell*, in any thread, when it was judged again what the caller may do.

        It holds for files by itself; what else the caller has open is for *tell* to end.
        """

    def close(self) -> None:
        """Abort what is open and let go."""


@dataclass(frozen=True, slots=True)
class KeyOffer:
    """
    A key or certificate that the other side says is theirs, before it is proven.

    *fingerprint* is ``SHA256:…`` (RFC 4253 key blob, as OpenSSH prints it) for an SSH key and
    lower-case hex SHA-256 of the DER for a client certificate.
    """

    method: Method
    fingerprint: str
    algorithm: str = ""


class Authenticator(Protocol):
    """
    Decides who comes in; the servers ask, and know nothing of identities or classes.

    Every refusal is noted in the trail by the authenticator. Calls are synchronous;
    :meth:`check_password` takes tens of milliseconds of CPU on purpose (argon2id) and is
    called in a thread.
    """

    def greet(self, peer: str) -> None:
        """
        A connection came from *peer*.

        Raises:
            TransferError: DENIED: too many attempts from there.
        """

    def knows_key(self, name: str, offer: KeyOffer) -> bool:
        """Return whether *offer* is a living key of *name*. Unknown names take as long."""

    def is_usual(self, name: str, peer: str) -> bool:
        """Return whether *name* signed in from *peer* before; asks no database."""

    def check_password(self, name: str, password: str, peer: str) -> bool:
        """Return whether it is right; counts failures against *name* and *peer*."""

    def more_proof(
        self, name: str, methods: frozenset[Method], channel: Channel, *, key: str
    ) -> MoreProof | None:
        """
        Return what *name*, who proved a *key* by *methods*, could open by one more proof.

        ``None`` where nothing would open by that alone, or they have no way to give it. Never
        raises.
        """

    def check_second(
        self, name: str, typed: str, peer: str, ways: frozenset[Method]
    ) -> Method | None:
        """
        Return what *name*, who proved a key, has proven besides by what they *typed*.

        *ways* are ``PASSWORD`` and ``ONE_TIME_CODE``, which recovery codes go for as well; where
        both may be meant, the form of what was typed decides. Slow like :meth:`check_password`;
        failures are counted apart from those of strangers.
        """

    def failed(self, name: str, peer: str, why: str) -> None:
        """Note a sign-in that failed in another way."""

    def sign_in(
        self, name: str, methods: frozenset[Method], channel: Channel, *, key: str = ""
    ) -> FileSession:
        """
        Return the session of *name*, whose *methods* have been proven.

        Raises:
            TransferError: DENIED: no drop admits them over this channel with these
                methods from this country; the message says what is missing.
        """

    def may_tunnel(
        self,
        name: str,
        methods: frozenset[Method],
        channel: Channel,
        host: str,
        port: int,
        *,
        key: str = "",
        is_open: bool = False,
    ) -> None:
        """
        Return if *name* may have a tunnel to *host*:*port* as asked for by the client.

        *key* is the one that was proven at sign-in; it must still be living. That one
        *is_open* may stay is not noted in the trail.

        Raises:
            TransferError: DENIED, with the rule.
        """


class Host(Protocol):
    """What a server may ask of the host that it runs on, to be configured."""

    @property
    def state_folder(self) -> str:
        """Return the folder where a server may keep what it makes, in a folder of its own."""

    def certificate(self, name: str, folder: str) -> str:
        """
        Return the file in *folder*, of the state folder, with the chain and key for *name*.

        Raises:
            ConfigError: there is none.
            SourceError: it cannot be read or written.
        """

    def client_authority(self) -> str:
        """Return the file with the authority that issues the certificates of clients."""


class Process(Protocol):
    """The process that a server is to serve in."""

    @property
    def listeners(self) -> Mapping[str, tuple[int, ...]]:
        """Return the descriptors of bound sockets, by the setting in ``[listen]``."""

    @property
    def settings(self) -> object:
        """Return what the server was configured to."""

    @property
    def authenticator(self) -> Authenticator:
        """Return who lets people in."""

    def may_serve(self) -> bool:
        """Return, as soon as it is known, whether to serve at all."""

    def serves(self, stop: Callable[[float], None]) -> None:
        """
        Tell that the server serves.

        *stop* is called, in another thread, when it is to end, with the seconds that transfers
        may still take.
        """


@dataclass(frozen=True, slots=True)
class ListenSetting:
    """
    A setting in ``[listen]`` by its *name*: where a server is reached.

    An audit asks there by the *scheme* of a URL; *opening* is what comes before the handshake.
    *what* tells it in a sentence, for the reference page.
    """

    name: str
    scheme: str
    opening: Opening
    what: str
    default: tuple[Address, ...] = ()


def no_name(_inventory: Inventory) -> str:
    """Return that a server shows no certificate."""
    return ""


@dataclass(frozen=True, slots=True)
class ServerKind:
    """
    A kind of file server: the *protocols* that share its ports, and so its processes.

    The first of *listens* gives it its name. *schemes* are those of URLs that lead to it.
    *speaks* is what an audit holds it to, *probe* how it looks (at what, trusting whom, within
    which limits, at which time in seconds since the epoch, and whether more may be tried than
    a handshake). *libraries* are what it needs (those of *tested* in the minor version that was
    tested), *most_processes* how many at most serve beside one another. *describe* tells a
    person what is reached where, *offers* what it shows to a stranger, *configure* how it is to
    behave. *server* is the module whose ``serve_in`` its process runs: it takes a
    :class:`Process`, and serves in it until it is told to end. *certified* is the name that its
    certificate bears, "" where it needs none.
    """

    protocols: tuple[FileProtocol, ...]
    listens: tuple[ListenSetting, ...]
    schemes: frozenset[str]
    speaks: Declaration
    probe: Callable[[Target, Trust, Limits, float, bool], list[Sighting]]
    describe: Callable[[Inventory], Iterator[str]]
    libraries: tuple[str, ...]
    tested: tuple[str, ...]
    most_processes: int
    offers: Callable[[Inventory], Mapping[Fact, FactValue]]
    configure: Callable[[Inventory, Host], object]
    server: str
    certified: Callable[[Inventory], str] = no_name

    @property
    def name(self) -> str:
        """Return what it is called."""
        return self.listens[0].name

    @property
    def has_tunnels(self) -> bool:
        """Return whether tunnels are reached through it."""
        return any(protocol.has_tunnels for protocol in self.protocols)

    def addresses(self, inventory: Inventory) -> dict[str, tuple[Address, ...]]:
        """Return where it listens for *inventory*, by setting; nowhere with nothing behind it."""
        own = {one.name for one in self.listens}
        return {one.setting: one.addresses for one in inventory.opened() if one.setting in own}
