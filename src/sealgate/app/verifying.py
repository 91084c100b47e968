"""
Fetches what a site serves signed, and keeps it only when it is what the site signed.

The key is one that was given, that of the configured site, or what the site publishes over
TLS. Nothing that came is at its place before everything was verified.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, urlsplit

from sealgate.audit.targets import host_name
from sealgate.client.http import fetched
from sealgate.client.sending import RemoteError
from sealgate.client.tls import TLSIdentity
from sealgate.errors import SourceError, UsageError
from sealgate.files import new_file
from sealgate.inspection.adapters.signing_keys import SigningKeys
from sealgate.signing.keys import directory, read_keys
from sealgate.signing.model import DIRECTORY_PATH, Defect, Request, UnverifiedError
from sealgate.signing.verify import BodyDigest, Verified, verify_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sealgate.client.http import Fetched
    from sealgate.policy.inventory import Inventory
    from sealgate.signing.keys import PublicKey

_MOST_KEY_BYTES = 64 * 1024
_KEY_HINT = "--key FILE, with what `sealgate keys signing` prints on the site's host"
# Where no signed length tells how much is to come.
_MOST_UNTOLD_BYTES = 16 * 1024**3
_OK = 200
_PORTS = {"http": 80, "https": 443}
# What RFC 3986 lets stand in a request target as it is.
_AS_IT_IS = "/?:@!$&'()*+,;=-._~%"
_FIELDS = (
    ("User-Agent", "sealgate"),
    ("Accept", "*/*"),
    # The digest is over what is sent, so what is sent should be what is wanted.
    ("Accept-Encoding", "identity"),
    ("Cache-Control", "no-cache"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL taken apart: *authority* as it stands in Host."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Return host and port, without a port that the scheme implies."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        # What stands behind a "?" may be a secret.
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class Looking:
    """
    How to look: *now* tells seconds since the epoch.

    *key* is a file, or an https URL that lists keys; "" means the site's. *ca_files* are
    trusted besides the system's authorities. *resolve* gives addresses for names. *progress*
    is told how many bytes have come.
    """

    now: Callable[[], float]
    key: str = ""
    ca_files: tuple[str, ...] = ()
    resolve: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[int], None] = lambda _done: None


@dataclass(frozen=True, slots=True)
class Checked:
    """One answer that is what *verified* says. *keys_from* tells where the key is from."""

    url: str
    verified: Verified
    keys_from: str
    size: int
    encoding: str
    out: str | None = None


def is_url(text: str) -> bool:
    """Return whether *text* is a URL that can be verified, and no name of a drop."""
    return text.lower().startswith(("http://", "https://"))


def parse_address(url: str) -> Address:
    """
    Return *url* taken apart.

    Raises:
        UsageError: it is no such URL, or holds a user or password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError("the URL cannot be read", hint="http://HOST/PATH") from error
    if "@" in parts.netloc:
        raise UsageError(
            "the URL holds a user or a password, which would travel in clear",
            hint="http://HOST/PATH",
        )
    if parts.scheme not in _PORTS or not host:
        raise UsageError("only http:// and https:// URLs are verified", hint="http://HOST/PATH")
    target = quote(parts.path or "/", safe=_AS_IT_IS)
    if parts.query:
        target += f"?{quote(parts.query, safe=_AS_IT_IS)}"
    return Address(parts.scheme, host_name(host), port or _PORTS[parts.scheme], target)


def verify_url(
    url: str, out: str | None, looking: Looking, *, inventory: Inventory | None = None
) -> Checked:
    """
    Fetch *url*, verify it, and put the body to *out* when all is well.

    Raises:
        UnverifiedError: it is not what the site signed; nothing is written.
        RefusedError: the keys come over TLS that is not to be trusted.
        RemoteError: nobody answers, or with another status than 200.
        UsageError: the URL or the key cannot be used.
        SourceError: *out* cannot be written.
    """
    address = parse_address(url)
    keys, keys_from = _keys(address, looking, inventory)
    with _fetch(address, looking) as found:
        verified = verify_head(found.request, found.answer, keys, now=looking.now())
        if found.answer.status != _OK:
            raise RemoteError(
                f'"{address}" is answered {found.answer.status}, and that is signed; '
                "there is nothing to write"
            )
        encoding = ", ".join(found.answer.values("content-encoding"))
        size = _taken(found, verified, out, looking)
    return Checked(str(address), verified, keys_from, size, encoding, out)


@contextmanager
def _fetch(address: Address, looking: Looking) -> Iterator[Fetched]:
    request = Request("GET", address.authority, address.target, _FIELDS, address.scheme)
    identity = TLSIdentity(looking.ca_files)
    at = looking.resolve.get(address.host, "")
    with fetched(request, address.host, address.port, identity, address=at) as found:
        yield found


def _keys(
    address: Address, looking: Looking, inventory: Inventory | None
) -> tuple[Mapping[str, PublicKey], str]:
    if looking.key and not is_url(looking.key):
        try:
            with Path(looking.key).open("rb") as file:
                content = file.read(_MOST_KEY_BYTES + 1)
        except OSError as error:
            reason = (error.strerror or "error").lower()
            raise SourceError(
                f'"{looking.key}" cannot be read: {reason}', hint="--key FILE"
            ) from error
        return _read(content, looking.key), looking.key
    if not looking.key and inventory is not None:
        sites = [s for s in inventory.sites if address.host in s.domains]
        held = SigningKeys(inventory.state_folder, sites[0].name).held() if sites else ()
        if held:
            return _read(
                directory(held).encode(), "the site"
            ), f'the configured site "{sites[0].name}"'
    where = looking.key or str(Address("https", address.host, _PORTS["https"], DIRECTORY_PATH))
    try:
        return _published(where, looking), where
    except RemoteError as error:
        message = f"no key to verify with: {error.message}"
        raise RemoteError(message, hint=error.hint if looking.key else _KEY_HINT) from error


def _published(url: str, looking: Looking) -> Mapping[str, PublicKey]:
    place = parse_address(url)
    if place.scheme != "https":
        raise UsageError(
            f'"{place}" would bring the key unprotected; a key comes over https, or in a file',
            hint="--key https://… or --key FILE",
        )
    with _fetch(place, looking) as found:
        if found.answer.status != _OK:
            raise RemoteError(
                f'"{place}" is answered {found.answer.status}: the site publishes no keys there',
                hint=_KEY_HINT,
            )
        content = b""
        for chunk in found.body():
            content += chunk
            if len(content) > _MOST_KEY_BYTES:
                break
    return _read(content, str(place))


def _read(content: bytes, where: str) -> Mapping[str, PublicKey]:
    if len(content) > _MOST_KEY_BYTES:
        raise UsageError(f'"{where}" is no list of keys: it is over {_MOST_KEY_BYTES} bytes')
    try:
        return read_keys(content)
    except UsageError as error:
        raise UsageError(f'"{where}" cannot be used: {error.message}', hint=error.hint) from error


def _taken(found: Fetched, verified: Verified, out: str | None, looking: Looking) -> int:
    if out is None:
        return _copied(found, verified, None, looking)
    target = Path(out)
    part = target.with_name(f".part-{os.getpid()}-{target.name}")
    try:
        try:
            # Nobody else reads it before it is verified.
            with new_file(part) as file:
                size = _copied(found, verified, file, looking)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise SourceError(f'"{target}" cannot be written: {reason}', hint="-o FILE") from error
    return size


def _copied(found: Fetched, verified: Verified, file: BinaryIO | None, looking: Looking) -> int:
    digest, size = BodyDigest(verified), 0
    most = _told_length(found.answer.values("content-length"))
    for chunk in found.body():
        size += len(chunk)
        if size > most:
            raise UnverifiedError(
                Defect.BODY, f"more than the {most} bytes came that were expected"
            )
        digest.update(chunk)
        if file is not None:
            file.write(chunk)
        looking.progress(size)
    digest.check()
    return size


def _told_length(values: Sequence[str]) -> int:
    # Signed, where it is there at all.
    told = values[0] if len(values) == 1 else ""
    return int(told) if re.fullmatch(r"[0-9]{1,15}", told) else _MOST_UNTOLD_BYTES
