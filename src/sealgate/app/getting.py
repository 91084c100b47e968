"""
Get files from another host, over no channel below what they are held to.

What came is assessed before it gets its name: only then is its class known. When that would
have needed a better channel, it is told.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.assess import assess
from sealgate.app.audit import class_called
from sealgate.app.sending import Moved, SendOptions, SignInOptions
from sealgate.app.sending_checks import check_whole
from sealgate.client.connect import connect
from sealgate.client.destination import parse_destination
from sealgate.client.sending import ChannelRefusedError, check_channel, needed_rung
from sealgate.errors import SourceError, UsageError
from sealgate.files import new_file
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.requirements import required_of_data

if TYPE_CHECKING:
    from sealgate.client.destination import Destination
    from sealgate.client.sending import Remote
    from sealgate.policy.classification import ClassificationModel
    from sealgate.policy.inventory import Inventory


def get(
    urls: Sequence[str],
    out: str | None,
    sending: SendOptions,
    signing: SignInOptions,
    *,
    inventory: Inventory | None = None,
) -> Iterator[Moved]:
    """
    Get *urls* into the folder or file *out* (here, without one), and yield each once it is whole.

    The channel must have the rank of ``sending.class_id``, and at least "encrypted". What
    came is assessed, and told when its class would have needed a better one.

    Raises:
        ChannelRefusedError: the channel is not good enough. Nothing was fetched.
        UsageError: *out* cannot take the files.
        RemoteError: the other side refused, or what came is not what lies there.
        SourceError: nothing can be written there.
    """
    places = [parse_destination(url) for url in urls]
    targets = [_target(place, out, many=len(places) > 1) for place in places]
    model = inventory.model if inventory else DEFAULT_MODEL
    classification = class_called(sending.class_id, model)
    rung = needed_rung(classification.required)
    for place, target in zip(places, targets, strict=True):
        with connect(place, signing.access(place, rung)) as remote:
            check_channel(place.origin, classification.id, rung, remote.channel, remote.methods)
            yield _fetched(place, target, remote, sending, inventory, model)


def _target(place: Destination, out: str | None, *, many: bool) -> Path:
    name = place.name
    if not name or name in {".", ".."}:
        raise UsageError("the URL names a folder", hint="name a file in it")
    folder = Path(out) if out is not None else Path()
    if out is None or folder.is_dir():
        return folder / name
    if many:
        raise UsageError(f'several files need a folder, and "{out}" is none', hint=f"mkdir '{out}'")
    return folder


def _fetched(
    place: Destination,
    target: Path,
    remote: Remote,
    sending: SendOptions,
    inventory: Inventory | None,
    model: ClassificationModel,
) -> Moved:
    # The ending stays: it says how to read what came.
    part = target.with_name(f".part-{os.getpid()}-{place.name}")
    size, digest = remote.size(place.path), hashlib.sha256()
    try:
        try:
            done = _written(part, remote.download(place.path), digest, place, sending, size or 0)
            checked = check_whole(remote, place.path, digest.hexdigest(), done, reread=False)
            run = assess([str(part)], inventory=inventory, register=None, now=sending.now)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise SourceError(f'"{target}" cannot be written: {reason}', hint="-o FILE") from error
    found = max(
        (a.classification for a in run.assessments), key=lambda c: c.rank, default=model.strictest
    )
    sensitive = any(a.weighed.sensitive for a in run.assessments)
    rung = needed_rung(required_of_data(found, sensitive=sensitive))
    remark = ""
    try:
        check_channel("what came", found.id, rung, remote.channel, remote.methods)
    except ChannelRefusedError as error:
        remark = error.message
    return Moved(
        str(target),
        f"{place.origin}{place.path}",
        found.id,
        done,
        sealed=False,
        resumed_at=0,
        checked=checked,
        channel=remote.channel,
        remark=remark,
    )


def _written(
    part: Path,
    chunks: Iterator[bytes],
    digest: hashlib._Hash,
    place: Destination,
    sending: SendOptions,
    size: int,
) -> int:
    done = 0
    # Nobody else reads it before its class is known.
    with new_file(part) as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
            done += len(chunk)
            sending.progress(place.name, done, size)
    return done
