"""
Keeps the site's sealing keys in one file, closed by what ``[keys]`` says.

The file (``site-keys.json``, mode 0600) tells in the clear which keys there are, how old,
and what protects them; the identities and the secret of the records are in its wrapped
part. The clear part is only for people: the wrapped part says it again, and when the file
is opened the two must agree. Every change replaces the whole file.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealgate.errors import ConfigError, SourceError, UsageError
from sealgate.files import locked, private_folder, write_durably
from sealgate.policy.inventory import KeySettings
from sealgate.storage.adapters.keystore_protect import protection_of, protector_for
from sealgate.storage.adapters.keystore_seal import new_identity, read_identities, read_recipient
from sealgate.storage.keyring import (
    RECORD_SECRET_BYTES,
    Keyring,
    SiteKey,
    UnlockedKeyring,
    record_key,
    site_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.keyring import KeyProtector

FILE_NAME = "site-keys.json"
SCHEMA = "sealgate/site-keys/1"
MAX_FILE_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class KeptKeyring:
    """What a key file tells without being opened: for people, nothing is proven by it."""

    path: str
    keyring: Keyring
    protection: str
    key: str
    address: str


@dataclass(frozen=True, slots=True)
class _Secrets:
    identities: tuple[str, ...]  # AGE-SECRET-KEY-1…, in the order of the ring
    record: bytes


def has_keyring(folder: str) -> bool:
    """
    Return whether a key file is in *folder*, also one that nobody can read at the moment.

    Raises:
        SourceError: nobody can tell. New keys are made only where there are surely none.
    """
    path = Path(folder) / FILE_NAME
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        message = f'key file "{path}" cannot be looked at: {(error.strerror or "").lower()}'
        raise SourceError(message, hint=f"ls -ld '{folder}'") from error
    return True


def look_at_keyring(folder: str) -> KeptKeyring:
    """
    Return what the key file in *folder* tells without being opened.

    Raises:
        SourceError: there is none, or it is damaged or open to others.
    """
    return _read(Path(folder) / FILE_NAME)[0]


def open_keyring(
    folder: str,
    settings: KeySettings,
    *,
    passphrase: Callable[[], str] | None,
    now: float,
) -> UnlockedKeyring:
    """
    Return the keyring in *folder*, unlocked; on first use it is made.

    *passphrase* asks for it, ``None`` when nobody can be asked.

    Raises:
        ConfigError: the file is protected otherwise than *settings* say.
        SourceError: wrong passphrase, a damaged file, one that is open to others.
        PeerError: the key service does not answer, or refuses.
    """
    if not has_keyring(folder):
        return create_keyring(folder, settings, passphrase=passphrase, now=now)
    kept, wrapped = _read_agreeing(folder, settings)
    protector = protector_for(settings, passphrase)
    return _unlocked(kept.keyring, settings, _unwrap(kept, wrapped, protector))


def create_keyring(
    folder: str,
    settings: KeySettings,
    *,
    passphrase: Callable[[], str] | None,
    now: float,
) -> UnlockedKeyring:
    """
    Make the keyring in *folder* with one new key, or open the one that somebody just made.

    Raises:
        SourceError: the folder cannot be written.
        PeerError: the key service does not answer, or refuses.
    """
    protector = protector_for(settings, passphrase)
    with locked(private_folder(Path(folder))):
        if has_keyring(folder):
            kept, wrapped = _read_agreeing(folder, settings)
            return _unlocked(kept.keyring, settings, _unwrap(kept, wrapped, protector))
        identity = new_identity()
        ring = Keyring((site_key(str(identity.recipient()), now),))
        held = _Secrets((identity.secret_text(),), secrets.token_bytes(RECORD_SECRET_BYTES))
        _write(folder, ring, settings, protector, held)
    return _unlocked(ring, settings, held)


def add_key(
    folder: str,
    settings: KeySettings,
    *,
    passphrase: Callable[[], str] | None,
    now: float,
) -> UnlockedKeyring:
    """
    Give the site a new current key; the one before is retired and kept.

    Nothing that is sealed changes by this: rotating it is another step.

    Raises:
        SealgateError: as :func:`open_keyring`.
    """
    protector = protector_for(settings, passphrase)
    with locked(private_folder(Path(folder))):
        kept, wrapped = _read_agreeing(folder, settings)
        held = _unwrap(kept, wrapped, protector)
        identity = new_identity()
        ring = kept.keyring.with_new(site_key(str(identity.recipient()), now), now)
        held = replace(held, identities=(*held.identities, identity.secret_text()))
        _write(folder, ring, settings, protector, held)
    return _unlocked(ring, settings, held)


def protect_keyring(
    folder: str,
    settings: KeySettings,
    *,
    old_passphrase: Callable[[], str] | None,
    passphrase: Callable[[], str] | None,
) -> KeptKeyring:
    """
    Close the key file anew, as *settings* say; it is opened as it says itself.

    Raises:
        SealgateError: as :func:`open_keyring`.
    """
    with locked(private_folder(Path(folder))):
        kept, wrapped = _read(Path(folder) / FILE_NAME)
        before = KeySettings(kept.protection, kept.key, kept.address)
        held = _unwrap(kept, wrapped, protector_for(before, old_passphrase))
        _write(folder, kept.keyring, settings, protector_for(settings, passphrase), held)
    return look_at_keyring(folder)


def secret_identities(
    folder: str, settings: KeySettings, *, passphrase: Callable[[], str] | None
) -> tuple[tuple[SiteKey, str], ...]:
    """
    Return each key with its identity (``AGE-SECRET-KEY-1…``), for a person to take away.

    Raises:
        SealgateError: as :func:`open_keyring`.
    """
    kept, wrapped = _read_agreeing(folder, settings)
    held = _unwrap(kept, wrapped, protector_for(settings, passphrase))
    return tuple(zip(kept.keyring.keys, held.identities, strict=True))


def same_volume(one: str, other: str) -> bool:
    """
    Return whether both paths lie, or would lie, on one file system.

    Whoever takes that disk then takes both. What cannot be looked at counts as the same.
    """
    try:
        return _device(Path(one)) == _device(Path(other))
    except OSError:
        return True


def _device(path: Path) -> int:
    try:
        # What is there, even where it has no path of its own (a descriptor under /proc).
        return path.stat().st_dev
    except FileNotFoundError:
        path = Path(os.path.realpath(path))
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.stat().st_dev


def _unlocked(ring: Keyring, settings: KeySettings, held: _Secrets) -> UnlockedKeyring:
    recipients = [read_recipient(ring.current.recipient, "the site key")]
    recipients += [read_recipient(text, "recovery under [keys]") for text in settings.recovery]
    identities = read_identities("\n".join(held.identities).encode(), "the key file")
    return UnlockedKeyring(
        keyring=ring,
        is_apart=protection_of(settings.protection).is_apart,
        recipients=tuple(recipients),
        identities=tuple(reversed(identities)),
        record_key=record_key(held.record),
    )


def _read_agreeing(folder: str, settings: KeySettings) -> tuple[KeptKeyring, bytes]:
    kept, wrapped = _read(Path(folder) / FILE_NAME)
    if kept.protection != settings.protection:
        raise ConfigError(
            f'the site keys in "{kept.path}" are protected by "{kept.protection}", but '
            f'[keys] says protection = "{settings.protection}"',
            hint="sealgate keys protect",
        )
    return kept, wrapped


def _unwrap(kept: KeptKeyring, wrapped: bytes, protector: KeyProtector) -> _Secrets:
    content = protector.unwrap(wrapped)
    try:
        told = json.loads(content)
        held = _Secrets(
            tuple(str(entry) for entry in told["identities"]), bytes.fromhex(told["record_secret"])
        )
        record_key(held.record)
        ring = _read_ring(told["keys"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(kept.path) from error
    identities = read_identities("\n".join(held.identities).encode(), f'"{kept.path}"')
    found = [str(identity.recipient()) for identity in identities]
    if ring != kept.keyring or found != [key.recipient for key in ring.keys]:
        # Somebody changed the clear part, or mixed two files.
        raise _damaged(kept.path)
    return held


def _write(
    folder: str,
    ring: Keyring,
    settings: KeySettings,
    protector: KeyProtector,
    held: _Secrets,
) -> None:
    keys = [
        {
            "id": key.id,
            "created_at": key.created_at,
            "retired_at": key.retired_at,
            "recipient": key.recipient,
        }
        for key in ring.keys
    ]
    secret = {"keys": keys, "identities": held.identities, "record_secret": held.record.hex()}
    wrapped = protector.wrap(json.dumps(secret).encode())
    told = {
        "schema": SCHEMA,
        "protection": settings.protection,
        "key": settings.key,
        "address": settings.address,
        "keys": keys,
        "wrapped": base64.b64encode(wrapped).decode("ascii"),
    }
    write_durably(Path(folder) / FILE_NAME, json.dumps(told, indent=1).encode() + b"\n", 0o600)


def _read(path: Path) -> tuple[KeptKeyring, bytes]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        if path.is_symlink():
            message = f'key file "{path}" leads to "{path.readlink()}", which is not there'
            raise SourceError(message, hint=f"ls -l '{path}'") from error
        message = f'there are no site keys in "{path.parent}" yet'
        raise UsageError(message, hint="sealgate keys add") from error
    except OSError as error:
        message = f'key file "{path}" cannot be read: {error.strerror}'
        raise SourceError(message, hint=f"ls -l '{path}'") from error
    if mode & 0o077:
        raise SourceError(
            f'key file "{path}" is open to others (mode {stat.S_IMODE(mode):04o}), '
            "but must be 0600",
            hint=f"chmod 600 '{path}'",
        )
    try:
        return _parsed(str(path), json.loads(content))
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(str(path)) from error


def _parsed(path: str, told: Any) -> tuple[KeptKeyring, bytes]:
    if told["schema"] != SCHEMA:
        raise ValueError("another schema")
    kept = KeptKeyring(
        path,
        _read_ring(told["keys"]),
        protection_of(told["protection"]).name,
        str(told["key"]),
        str(told["address"]),
    )
    return kept, base64.b64decode(told["wrapped"], validate=True)


def _read_ring(told: Any) -> Keyring:
    keys = []
    for entry in told:
        retired = entry["retired_at"]
        key = site_key(
            str(entry["recipient"]),
            float(entry["created_at"]),
            None if retired is None else float(retired),
        )
        if key.id != entry["id"]:
            raise ValueError("id and recipient differ")
        keys.append(key)
    return Keyring(tuple(keys))


def _damaged(path: str) -> SourceError:
    return SourceError(
        f'key file "{path}" is damaged, or is from a newer version',
        hint="restore it from a backup; a recovery identity opens what was sealed without it",
    )
