"""``[[drop]]`` and ``[[tunnel]]``: folders and services that are reached over SFTP and FTPS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sealgate.config.classes import read_class
from sealgate.config.file_values import (
    read_file_name,
    read_pattern,
    read_recipient,
    read_size,
    read_store,
    read_target,
)
from sealgate.config.reader import nearest, quoted
from sealgate.config.values import UnfitError, holds_secret, read_admitted
from sealgate.policy.algorithms import (
    OLDER_CIPHERS,
    OLDER_KEX,
    rank_of_cipher,
    rank_of_kex,
)
from sealgate.policy.inventory import Drop, OnMismatch, Tunnel
from sealgate.policy.protection import SealedFor, StorageRung, TransitRung

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

    from sealgate.config.reader import Table
    from sealgate.policy.classification import Classification, ClassificationModel
    from sealgate.policy.inventory import Address

MAX_RETENTION_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Taken:
    """Folders that are something else already, each with what it is in a sentence."""

    folders: Mapping[str, str]

    def meets(self, store: str) -> str | None:
        """Return what *store* lies in, or has in it; ``None`` when it is apart."""
        return next((what for one, what in self.folders.items() if meet(store, one)), None)


def read_drops(
    tables: Sequence[Table], model: ClassificationModel, folder: PurePath, taken: Taken
) -> tuple[Drop, ...]:
    """
    Return the drops that *tables* declare; a ``file:`` store is relative to *folder*.

    A store that is another drop's, or lies where *taken* lies, would have two classes.
    """
    drops: list[Drop] = []
    names: dict[str, str] = {}
    for table in tables:
        name = _name(table, "drop", names)
        classification = read_class(table, "class", model)
        store = _store(table, folder, drops, taken)
        drop = Drop(
            name or "",
            classification or model.strictest,
            store or "",
            admit=_admit(table, "drop", name),
            read=_narrowed(table, "read"),
            write=_narrowed(table, "write"),
            listing=_narrowed(table, "list"),
            delete=_narrowed(table, "delete"),
            quota_bytes=_size(table, "quota"),
            max_file_bytes=_size(table, "max_file_size"),
            retention_days=_days(table),
            file_names=_patterns(table),
            on_mismatch=_on_mismatch(table),
            recipients=_recipients(table, classification),
            older_clients=_older_clients(table, classification),
            place=table.place(),
        )
        if drop.quota_bytes and drop.max_file_bytes and drop.max_file_bytes > drop.quota_bytes:
            table.fault(
                "max_file_size",
                '"max_file_size" is more than the quota, so that no such file would fit',
                "lower max_file_size, or raise quota",
            )
        if name and store and classification:
            drops.append(drop)
    return tuple(drops)


def read_tunnels(tables: Sequence[Table], model: ClassificationModel) -> tuple[Tunnel, ...]:
    """Return the tunnels that *tables* declare; each leads to a service of its own."""
    tunnels: list[Tunnel] = []
    names: dict[str, str] = {}
    for table in tables:
        name = _name(table, "tunnel", names)
        classification = read_class(table, "class", model)
        target = _target(table, tunnels)
        admit = _admit(table, "tunnel", name)
        if name and classification and target:
            tunnels.append(Tunnel(name, classification, target, admit, table.place()))
    return tuple(tunnels)


def _name(table: Table, what: str, names: dict[str, str]) -> str | None:
    text = table.text("name")
    if text is None:
        return None
    try:
        name = read_file_name(text)
    except UnfitError as error:
        table.fault("name", f"{what} {quoted(text)} {error}", error.hint)
        return None
    # Clients on Windows and macOS do not tell upper and lower case apart.
    first = names.get(name.lower())
    if first is not None:
        table.fault(
            "name",
            f"{what} {quoted(name)} is declared twice; first at {first}",
            "rename or remove one",
        )
        return None
    names[name.lower()] = str(table.place_of("name"))
    return name


def _store(table: Table, folder: PurePath, drops: Sequence[Drop], taken: Taken) -> str | None:
    text = table.text("store")
    if text is None:
        return None
    # A URL may hold a password; then it is not shown.
    shown = "store" if holds_secret(text) and "://" in text else f"store {quoted(text)}"
    try:
        store = read_store(text, folder)
    except UnfitError as error:
        table.fault("store", f"{shown} {error}", error.hint)
        return None
    other = next((drop for drop in drops if meet(store, drop.store)), None)
    if other is not None:
        table.fault(
            "store",
            f"{shown} meets that of drop {quoted(other.name)}, at {other.place}, so that its "
            "files would have two classes",
            "give each drop a store of its own",
        )
        return None
    what = taken.meets(store)
    if what is not None:
        table.fault(
            "store", f"{shown} meets {what}", "give the drop a folder where nothing else lies"
        )
        return None
    return store


def meet(one: str, other: str) -> bool:
    """
    Return whether one of two stores is the other, or lies in it; by their names only.

    A folder and a bucket never meet.
    """
    (kind, _, first), (other_kind, _, second) = one.partition(":"), other.partition(":")
    shared = zip(PurePosixPath(first).parts, PurePosixPath(second).parts, strict=False)
    return kind == other_kind and all(here == there for here, there in shared)


def _target(table: Table, tunnels: Sequence[Tunnel]) -> Address | None:
    text = table.text("target")
    if text is None:
        return None
    try:
        target = read_target(text)
    except UnfitError as error:
        table.fault("target", f"target {quoted(text)} {error}", error.hint)
        return None
    other = next((tunnel for tunnel in tunnels if tunnel.target == target), None)
    if other is not None:
        table.fault(
            "target",
            f"target {quoted(text)} is that of tunnel {quoted(other.name)}, too, at {other.place}",
            "remove one: a service has one class",
        )
        return None
    return target


def _admit(table: Table, what: str, name: str | None) -> tuple[str, ...]:
    admit = table.each("admit", read_admitted, "admit")
    if table.good("admit") and not table.texts("admit"):
        table.fault(
            "admit",
            f"{what} {quoted(name or '?')} admits nobody, so that nobody could reach it",
            'admit = ["group:partners"]',
        )
    return admit


def _narrowed(table: Table, key: str) -> tuple[str, ...] | None:
    # An empty list is nobody; no list is everybody who is admitted.
    return table.each(key, read_admitted, key) if table.good(key) else None


def _size(table: Table, key: str) -> int | None:
    text = table.text(key)
    if text is None:
        return None
    try:
        return read_size(text)
    except UnfitError as error:
        table.fault(key, f"{key} {quoted(text)} {error}", error.hint)
        return None


def _days(table: Table) -> int | None:
    days = table.integer("retention_days")
    if days is None or 1 <= days <= MAX_RETENTION_DAYS:
        return days
    found = str(days) if abs(days) < MAX_RETENTION_DAYS**2 else "far beyond"
    table.fault(
        "retention_days",
        f'"retention_days" is {found}, but must be from 1 to {MAX_RETENTION_DAYS}',
        "retention_days = 30, or remove the line to keep files",
    )
    return None


def _patterns(table: Table) -> tuple[str, ...]:
    found = table.each("file_names", read_pattern, "pattern")
    if table.good("file_names") and not table.texts("file_names"):
        table.fault(
            "file_names",
            '"file_names" is empty, so that no file could be stored',
            'file_names = ["*.csv"], or remove the line',
        )
    return found


def _on_mismatch(table: Table) -> OnMismatch:
    text = table.text("on_mismatch")
    known = [item.value for item in OnMismatch]
    if text is None or text in known:
        return OnMismatch(text or OnMismatch.RECORD)
    table.fault(
        "on_mismatch",
        f"on_mismatch {quoted(text)} must be one of {', '.join(known)}",
        nearest(text, known, "on_mismatch = {}") or 'on_mismatch = "quarantine"',
    )
    return OnMismatch.RECORD


def _older_clients(table: Table, classification: Classification | None) -> tuple[str, ...]:
    known = (*OLDER_KEX, *OLDER_CIPHERS)
    required = classification.required.in_transit if classification else TransitRung.ENCRYPTED
    found: dict[str, None] = {}
    for index, text in enumerate(table.texts("older_clients")):
        worth = max(rank_of_kex(text), rank_of_cipher(text))
        if text not in known:
            table.element_fault(
                "older_clients",
                index,
                f"algorithm {quoted(text)} must be one of {', '.join(known)}",
                "what is newer is always taken, and what is weaker never",
            )
        elif worth < required and classification:
            table.element_fault(
                "older_clients",
                index,
                f"{quoted(text)} is worth {quoted(worth.word)}, but "
                f"class {quoted(classification.id)} demands "
                f"{quoted(required.word)} in transit",
                "remove it, and let the partner update, or use a drop of a weaker class",
            )
        else:
            found[text] = None
    return tuple(found)


def _recipients(table: Table, classification: Classification | None) -> tuple[str, ...]:
    rank = classification.required.at_rest if classification else StorageRung.ENCRYPTED
    named = quoted(classification.id) if classification else ""
    rung, stored = rank.word, rank.stored
    found: dict[str, bool] = {}
    faulty = False
    for index, text in enumerate(table.texts("recipients")):
        try:
            recipient, is_post_quantum = read_recipient(text)
        except UnfitError as error:
            # It may be an identity, pasted by mistake: it is never quoted.
            table.element_fault("recipients", index, f"recipient {index + 1} {error}", error.hint)
            faulty = True
            continue
        if stored.post_quantum and not is_post_quantum:
            table.element_fault(
                "recipients",
                index,
                f"recipient {index + 1} is not post-quantum, but class {named} demands "
                f"{quoted(rung)} at rest",
                "give one that begins with age1pq1: sealgate key recipient --out key.txt, on another machine",
            )
            faulty = True
        elif stored.sealed_for is SealedFor.SITE and is_post_quantum:
            # A file for both would be worth the weaker (c2sp.org/age).
            table.element_fault(
                "recipients",
                index,
                f"recipient {index + 1} is post-quantum, but class {named} seals for the site's "
                "key as well, and the two cannot share a file",
                "give one that begins with age1 and not with age1pq1",
            )
        found[recipient] = is_post_quantum
    if not stored.opens_here and not found and not faulty:
        table.fault(
            "recipients",
            f"class {named} demands {quoted(rung)} at rest, so that files are sealed for "
            "recipients whose keys are not on this host, but there are none",
            'recipients = ["age1pq1…"], made by sealgate key recipient --out key.txt elsewhere',
        )
    if not stored.is_sealed and table.good("recipients"):
        table.fault(
            "recipients",
            f"class {named} demands {quoted(rung)} at rest, so that nothing is sealed for anybody",
            "remove recipients, or give the drop a stricter class",
        )
    return tuple(found)
