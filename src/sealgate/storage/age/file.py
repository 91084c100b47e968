"""
A sealed file, all that there is to do with one: what other rooms import.

:func:`begin` and :func:`rewrap` make headers, :func:`unlock` gets the file key out of one.
:class:`SealWriter` and :func:`open_stream` run through a file, :class:`RandomAccess` reads
anywhere in it.
"""

from __future__ import annotations

from sealgate.storage.age.envelope import Begun, begin, rewrap, unlock
from sealgate.storage.age.random_access import RandomAccess
from sealgate.storage.age.stream import PlainStream, SealWriter, open_stream, read_header

__all__ = [
    "Begun",
    "PlainStream",
    "RandomAccess",
    "SealWriter",
    "begin",
    "open_stream",
    "read_header",
    "rewrap",
    "unlock",
]
