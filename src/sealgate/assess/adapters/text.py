"""Running text: logs, sources, configuration, dumps, anything without rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.assess.adapters.opened import as_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.assess.adapters.opened import OpenableFile
    from sealgate.assess.model import Content


def text_contents(file: OpenableFile) -> Iterator[Content]:
    """
    Yield *file* as text.

    Raises:
        OSError, EOFError, zlib.error: it cannot be read on; the caller records it.
    """
    with file.open() as stream:
        yield from as_utf8(stream)
