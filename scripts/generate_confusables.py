"""
Writes src/sealgate/identity/confusables.py from Unicode's ``security/confusables.txt``.

Call it with the path of that file, which is published with each version of Unicode below
https://www.unicode.org/Public/security/.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

MODULE = Path(__file__).parents[1] / "src" / "sealgate" / "identity" / "confusables.py"
_VERSION = re.compile(r"^# Version: ([0-9.]+)$", re.MULTILINE)
_LINE = re.compile(r"^([0-9A-F]+) ;\t([0-9A-F ]+) ;\tMA\b", re.MULTILINE)
_HEAD = '''\
"""
Which characters look like which: the mapping of Unicode %s for UTS 39, 4 (confusables.txt).

Written by ``scripts/generate_confusables.py``: one line for each prototype, which stands before
the colon, with the characters that look like it; all are code points in hex.
"""

# The data are Unicode's, under the Unicode License v3 (SPDX: Unicode-3.0), whose notice follows.
#
# Copyright © 1991-2025 Unicode, Inc.
#
%s

PROTOTYPES = """\\
%s
"""
'''
_NOTICE = """\
NOTICE TO USER: Carefully read the following legal agreement. BY DOWNLOADING, INSTALLING,
COPYING OR OTHERWISE USING DATA FILES, AND/OR SOFTWARE, YOU UNEQUIVOCALLY ACCEPT, AND AGREE
TO BE BOUND BY, ALL OF THE TERMS AND CONDITIONS OF THIS AGREEMENT. IF YOU DO NOT AGREE, DO
NOT DOWNLOAD, INSTALL, COPY, DISTRIBUTE OR USE THE DATA FILES OR SOFTWARE.

Permission is hereby granted, free of charge, to any person obtaining a copy of data files
and any associated documentation (the "Data Files") or software and any associated
documentation (the "Software") to deal in the Data Files or Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
and/or sell copies of the Data Files or Software, and to permit persons to whom the Data
Files or Software are furnished to do so, provided that either (a) this copyright and
permission notice appear with all copies of the Data Files or Software, or (b) this
copyright and permission notice appear in associated Documentation.

THE DATA FILES AND SOFTWARE ARE PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A
PARTICULAR PURPOSE AND NONINFRINGEMENT OF THIRD PARTY RIGHTS.

IN NO EVENT SHALL THE COPYRIGHT HOLDER OR HOLDERS INCLUDED IN THIS NOTICE BE LIABLE FOR ANY
CLAIM, OR ANY SPECIAL INDIRECT OR CONSEQUENTIAL DAMAGES, OR ANY DAMAGES WHATSOEVER
RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE
OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THE DATA FILES OR SOFTWARE.

Except as contained in this notice, the name of a copyright holder shall not be used in
advertising or otherwise to promote the sale, use or other dealings in these Data Files or
Software without prior written authorization of the copyright holder.
"""


def module(text: str) -> str:
    """Return the module for the content of Unicode's file."""
    version = _VERSION.search(text)
    if version is None:
        raise SystemExit("this is no confusables.txt of Unicode")
    groups: dict[str, list[str]] = {}
    for source, prototype in _LINE.findall(text):
        groups.setdefault(prototype, []).append(source)
    lines = [
        f"{prototype}:{' '.join(sorted(sources, key=lambda s: int(s, 16)))}"
        for prototype, sources in sorted(groups.items(), key=lambda pair: _order(pair[0]))
    ]
    # A line that is wrapped begins with a space.
    wrapped = (textwrap.fill(line, 98, subsequent_indent=" ") for line in lines)
    notice = "\n#\n".join(
        textwrap.fill(part, 98, initial_indent="# ", subsequent_indent="# ")
        for part in _NOTICE.split("\n\n")
    )
    return _HEAD % (version[1], notice, "\n".join(wrapped))


def _order(prototype: str) -> list[int]:
    return [int(code, 16) for code in prototype.split()]


if __name__ == "__main__":
    MODULE.write_text(module(Path(sys.argv[1]).read_text(encoding="utf-8-sig")), encoding="utf-8")
