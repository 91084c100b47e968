"""Sources: where records come from. The only place in this room that reads the world."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from sealgate.assess.adapters.folder import Folder
from sealgate.assess.adapters.sql import database_at
from sealgate.errors import UsageError

if TYPE_CHECKING:
    from sealgate.assess.model import Source

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def source_of(text: str, *, shown: str, sample: int | None = None) -> Source:
    """
    Return the source that *text* names: a path, or the URL of a database.

    *shown* is what messages call it: a path may itself carry a value.
    *sample* limits the rows that are read of each table; ``None`` reads all.

    Raises:
        UsageError: there is no such file or folder, or the URL cannot be followed.
    """
    if _URL.match(text):
        return database_at(text, sample)
    if not text.strip():
        # To the system "" is the folder that we are in; to who typed it, a variable was not set.
        raise UsageError('source "" names nothing', hint="sealgate assess FOLDER")
    path = os.path.abspath(text)  # noqa: PTH100  # links are kept, they are followed later
    if not os.path.lexists(path):
        raise UsageError(
            f'source "{shown}" does not exist: no such file or folder',
            hint="give a path that exists, or a database URL such as postgresql://host/name",
        )
    return Folder(path, sample)
