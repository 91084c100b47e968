from __future__ import annotations

import io

from sealgate.assess.adapters.opened import OpenableFile
from sealgate.assess.adapters.text import text_contents
from sealgate.assess.model import Text


def test_a_file_is_its_text() -> None:
    """The contents are the file's text in UTF-8."""
    file = OpenableFile("/a.txt", lambda: io.BytesIO("Jürgen".encode("utf-16")))
    assert list(text_contents(file)) == [Text("Jürgen".encode())]
