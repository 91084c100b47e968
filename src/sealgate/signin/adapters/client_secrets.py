"""
Reads the secrets that we are known by at identity providers.

They stand in a file that only its owner can read, or come from systemd, and never in
``sealgate.toml``.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import SourceError
from sealgate.storage.adapters.credential import CREDENTIALS_DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_SECRET_BYTES = 4096
_OTHERS = 0o077


def read_secret(place: str, environment: Mapping[str, str] = os.environ) -> str:
    """
    Return the secret at *place*: ``file:PATH`` or ``credential:NAME``.

    Raises:
        SourceError: there is none, or somebody else than its owner can read the file.
    """
    kind, _, name = place.partition(":")
    hint = f"chmod 600 '{name}'"
    if kind == "credential":
        folder = environment.get(CREDENTIALS_DIRECTORY)
        hint = f"LoadCredentialEncrypted={name} in the unit; docs/howto/oidc.md"
        if not folder:
            raise SourceError(
                f'credential "{name}" cannot be read: {CREDENTIALS_DIRECTORY} is not set', hint=hint
            )
        path = Path(folder) / name
    else:
        path = Path(name)
    told = f'client secret "{name}"'
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MOST_SECRET_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{told} cannot be read: {error.strerror}", hint=hint) from error
    # systemd itself sees to it that nobody else reads credentials.
    if kind != "credential" and stat.S_IMODE(mode) & _OTHERS:
        raise SourceError(f"{told} can be read by others than its owner", hint=hint)
    text = content.decode("ascii", "replace").strip()
    if not text or len(content) > MOST_SECRET_BYTES or not all("!" <= c <= "~" for c in text):
        raise SourceError(f"{told} must be one line of visible ASCII", hint="write it anew")
    return text
