"""
Issues, lists and revokes client certificates, and revokes SSH keys.

The private key is made here, written where it was asked for, and forgotten: Sealgate
keeps the serial, the fingerprint, the identity and the dates.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from sealgate.app.users import open_identities, tell_gateway
from sealgate.errors import SealgateError, SourceError, UsageError
from sealgate.files import sync_folder
from sealgate.identity.adapters.authority import LocalAuthority
from sealgate.identity.model import checked_group, checked_name
from sealgate.storage.age.hybrid import HybridIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sealgate.identity.adapters.authority import IssuedCertificate
    from sealgate.identity.adapters.people import Credential
    from sealgate.identity.adapters.store import IdentityStore
    from sealgate.identity.model import ClientCertificate
    from sealgate.policy.inventory import Inventory

AUTHORITY_FOLDER = "authority"
CERTIFICATES_FOLDER = "certificates"
# OWASP's figure for PBKDF2 with HMAC-SHA-256.
KDF_ROUNDS = 600_000
# What other programs write in the old form; rounds add nothing to a password of 100 bits.
LEGACY_KDF_ROUNDS = 2048
LEAST_PASSWORD_CHARACTERS = 8
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    Where an issued certificate goes.

    *p12* is one file for browsers, *prefix* names two PEM files (``PREFIX.crt``,
    ``PREFIX.key``). With neither, PEM files are named like the user, in the current
    folder. *password* protects the PKCS#12 file; ``None`` has one made.

    *legacy* writes the PKCS#12 file in the old form that Keychain on macOS reads
    (3DES, SHA-1). What protects it then is the password alone, so that has to be made.
    """

    p12: str | None = None
    prefix: str | None = None
    password: str | None = None
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """
    What was issued. *password* is there only when it was made here: it is shown once.

    *news* tells what the running gateway says. *refusal* is set when it did not
    confirm: then the certificate is issued, but may not admit yet.
    """

    certificate: ClientCertificate
    files: tuple[str, ...]
    password: str | None
    user_added: bool
    news: str
    refusal: SealgateError | None = None


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One issued certificate and its *state*: living, revoked, ended or not yet valid."""

    certificate: ClientCertificate
    state: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """What was revoked by this call (nothing, when it had been before), and the *news*."""

    keys: tuple[Credential, ...]
    news: str


def local_authority(inventory: Inventory) -> LocalAuthority:
    """Return the local authorities of *inventory*; nothing is made or read yet."""
    state = Path(inventory.state_folder)
    return LocalAuthority(
        str(state / AUTHORITY_FOLDER), str(state / CERTIFICATES_FOLDER), inventory.operator
    )


def issue_key(
    inventory: Inventory,
    name: str,
    delivery: Delivery,
    *,
    groups: Sequence[str],
    days: float,
    by: str,
    now: float,
    show: Callable[[str], None] = lambda _password: None,
) -> IssuedKey:
    """
    Issue a client certificate to the user *name*, who is added where unknown.

    *groups* are joined on top of those the user is in already. The certificate admits
    from the moment it is recorded. That is after its files are whole on the disk, and after
    *show* told a person the password that was made: when it raises, nothing is issued.

    Raises:
        UsageError: a name, the days or the password are not fit, or a file is there
            already (a key is never overwritten).
        SourceError: a file or the database cannot be written.
    """
    name = checked_name(name)
    groups = [checked_group(group) for group in groups]
    password = made = None
    if delivery.legacy and (delivery.p12 is None or delivery.password is not None):
        raise UsageError(
            "the legacy form is for a PKCS#12 file, and takes no password but one that is made",
            hint="sealgate key issue NAME --p12 F --legacy-p12",
        )
    if delivery.p12 is not None:
        made = new_password() if delivery.password is None else None
        password = made or checked_password(delivery.password or "")
    with open_identities(inventory) as store:
        with _reserved(_places(name, delivery)) as files:
            issued = local_authority(inventory).issue(name, days, now)
            for path, descriptor in files.items():
                _fill(descriptor, _content(issued, path, delivery, password), path)
            _settle_names(files)
            if made is not None:
                show(made)
        # Whoever interrupts from here on may leave files that are not recorded, which admit
        # nobody; taking them away could leave a record of a key that nobody has.
        try:
            added = _settle_user(store, name, groups, by=by, now=now)
            store.credentials.add_certificate(issued.record, by=by, now=now)
        except Exception:
            _remove(files)
            raise
    news, refusal = "", None
    try:
        news = tell_gateway(inventory)
    except SealgateError as error:
        refusal = error
    return IssuedKey(issued.record, tuple(files), made, added, news, refusal)


def list_keys(inventory: Inventory, now: float) -> tuple[KeyLine, ...]:
    """
    Return every certificate that was issued, the oldest first.

    Raises:
        SourceError: the database cannot be used.
    """
    with open_identities(inventory) as store:
        certificates = store.credentials.certificates()
    return tuple(KeyLine(certificate, _state(certificate, now)) for certificate in certificates)


def revoke_key(inventory: Inventory, which: str, *, by: str, now: float) -> Revoked:
    """
    Revoke the key *which* (a serial or a fingerprint), or every key of the user *which*.

    The gateway is told even when nothing was left to revoke: a second call after one
    that the gateway did not confirm is the way to have it confirm.

    Raises:
        UsageError: nothing is known by that name, serial or fingerprint.
        SourceError: the database cannot be used.
        GatewayError: it is revoked, but the running gateway did not confirm.
    """
    with open_identities(inventory) as store:
        revoked = store.revoke(which, by=by, now=now)
    return Revoked(revoked, tell_gateway(inventory))


def new_password() -> str:
    """Return a password of 100 random bits in groups that can be read aloud."""
    letters = [secrets.choice(_ALPHABET) for _ in range(20)]
    return "-".join("".join(letters[at : at + 5]) for at in range(0, 20, 5))


def checked_password(password: str) -> str:
    """
    Return *password* when it is fit to protect a key file.

    Raises:
        UsageError: it is too short, or holds what cannot be typed again.
    """
    hint = "leave it out to have one made"
    if len(password) < LEAST_PASSWORD_CHARACTERS:
        raise UsageError(
            f"the password has {len(password)} characters, "
            f"but at least {LEAST_PASSWORD_CHARACTERS} are required",
            hint=hint,
        )
    if not password.isprintable():
        raise UsageError("the password holds characters that cannot be typed", hint=hint)
    return password


def _state(certificate: ClientCertificate, now: float) -> str:
    if certificate.revoked_at is not None:
        return "revoked"
    if certificate.is_living(now):
        return "living"
    return "ended" if now > certificate.not_after else "not yet valid"


def _settle_user(
    store: IdentityStore, name: str, groups: Sequence[str], *, by: str, now: float
) -> bool:
    if not any(identity.name == name for identity in store.identities()):
        store.add(name, groups, by=by, now=now)
        return True
    if groups:
        store.regroup(name, groups, (), by=by, now=now)
    return False


def _places(name: str, delivery: Delivery) -> list[tuple[str, int]]:
    if delivery.p12 is not None and delivery.prefix is None:
        return [(delivery.p12, 0o600)]
    # A name may hold what means something in a path.
    prefix = delivery.prefix if delivery.prefix is not None else quote(name, safe=" @+,=")
    places = [(f"{prefix}.crt", 0o644), (f"{prefix}.key", 0o600)]
    return [*places, (delivery.p12, 0o600)] if delivery.p12 is not None else places


def _content(
    issued: IssuedCertificate, path: str, delivery: Delivery, password: str | None
) -> bytes:
    if path == delivery.p12 and password is not None:
        return _pkcs12(issued, password, legacy=delivery.legacy)
    return issued.key_pem if path.endswith(".key") else issued.pem


def _pkcs12(issued: IssuedCertificate, password: str, *, legacy: bool) -> bytes:
    # RFC 9579 would protect the whole with PBMAC1; browsers do not read that yet.
    builder = PrivateFormat.PKCS12.encryption_builder()
    if legacy:
        builder = (
            builder.kdf_rounds(LEGACY_KDF_ROUNDS)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())  # noqa: S303  # no more is read there
        )
    else:
        builder = (
            builder.kdf_rounds(KDF_ROUNDS)
            .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
            .hmac_hash(hashes.SHA256())
        )
    encryption = builder.build(password.encode())
    return pkcs12.serialize_key_and_certificates(
        issued.record.identity.encode(), issued.key, issued.certificate, None, encryption
    )


@contextlib.contextmanager
def _reserved(places: Sequence[tuple[str, int]]) -> Iterator[Mapping[str, int]]:
    """Open new files, before anything is issued; remove them when the block fails."""
    opened: dict[str, int] = {}
    try:
        for path, mode in places:
            opened[path] = _new_file(path, mode)
        yield opened
    except BaseException:
        _remove(opened)
        raise
    finally:
        for descriptor in opened.values():
            os.close(descriptor)


def new_recipient(path: str | None, *, now: float) -> tuple[str, str]:
    """
    Return a new post-quantum recipient and the text of its identity file, which is kept nowhere.

    With *path* the text is written there instead, whole or not at all, and "" is returned.

    Raises:
        UsageError: *path* is there already.
        SourceError: it cannot be written.
    """
    identity = HybridIdentity.generate()
    recipient = str(identity.recipient())
    made = dt.datetime.fromtimestamp(now, tz=dt.UTC).isoformat(timespec="seconds")
    text = f"# created: {made}\n# public key: {recipient}\n{identity.secret_text()}\n"
    if path is None:
        return recipient, text
    descriptor = _new_file(path, 0o600)
    try:
        try:
            _fill(descriptor, text.encode("ascii"), path)
        finally:
            os.close(descriptor)
        _settle_names([path])
    except SealgateError:
        _remove([path])
        raise
    return recipient, ""


def _remove(paths: Iterable[str]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            Path(path).unlink()


def _settle_names(paths: Iterable[str]) -> None:
    for folder in {Path(path).absolute().parent for path in paths}:
        try:
            sync_folder(folder)
        except OSError as error:
            raise SourceError(f'"{folder}" cannot be written: {error.strerror}') from error


def _new_file(path: str, mode: int) -> int:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise UsageError(
            f'"{path}" exists already, and a key is never overwritten',
            hint="give another name, or move it away",
        ) from None
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else "no valid path"
        raise SourceError(f'"{path}" cannot be written: {told}') from error
    os.fchmod(descriptor, mode)
    return descriptor


def _fill(descriptor: int, content: bytes, path: str) -> None:
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError as error:
        raise SourceError(f'"{path}" cannot be written: {error.strerror}') from error
