"""
Chains entries of a trail: each holds the digest of what it is about, and one over the entry before.

Pure; shared by the rooms that keep a trail. An entry that is changed, added or removed
afterwards no longer agrees with those around it. SHA-256 (FIPS 180-4) over JSON, in a form
that depends on nothing but the content.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

START = "0" * 64


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the digest of what an entry is about."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def digest_after(previous: str, seq: int, at: float, event: str, row: int, content: str) -> str:
    """Return the digest of entry *seq*, which follows the one of digest *previous*."""
    text = json.dumps([previous, seq, at, event, row, content], separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
