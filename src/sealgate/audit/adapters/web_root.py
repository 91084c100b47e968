"""Which files lie in a site's web root that no visitor should have. Looks on this host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.audit.leftovers import is_leftover_file, is_leftover_folder
from sealgate.audit.sightings import seen, unseen
from sealgate.policy.observation import Fact, Vantage

if TYPE_CHECKING:
    from sealgate.policy.observation import FactValue, Sighting

MAX_ENTRIES = 500_000
_MAX_LISTED = 20


def probe_web_root(asset: str, folder: str, max_entries: int = MAX_ENTRIES) -> list[Sighting]:
    """
    Observe the names below *folder*; no file is opened and no link to a folder followed.

    A folder that cannot be read whole, or has more than *max_entries* entries, is not
    observed, unless something was found before.
    """
    facts = (Fact.FILES_IN_WEB_ROOT,)
    unread: list[OSError] = []
    found: list[str] = []
    looked_at = 0
    for here, folders, files in os.walk(folder, onerror=unread.append):
        looked_at += len(folders) + len(files)
        place = Path(here).relative_to(folder)
        found += [str(place / name) for name in folders if is_leftover_folder(name)]
        found += [str(place / name) for name in files if is_leftover_file(name)]
        folders[:] = sorted(name for name in folders if not is_leftover_folder(name))
        if looked_at > max_entries or len(found) >= _MAX_LISTED:
            break
    shown = tuple(found[:_MAX_LISTED])
    if not shown and unread:
        reason = f'"{folder}": {(unread[0].strerror or "cannot be read").lower()}'
        return unseen(asset, facts, reason, Vantage.HOST)
    if not shown and looked_at > max_entries:
        reason = f'"{folder}" has more than {max_entries} entries'
        return unseen(asset, facts, reason, Vantage.HOST)
    values: dict[Fact, FactValue] = {Fact.FILES_IN_WEB_ROOT: shown}
    return seen(asset, values, f'the names in "{folder}"', Vantage.HOST)
