"""
Cards are seen however they are wrapped, at rest and in flight alike, and near misses are left alone.

The tables are in :mod:`tests.cards`: wrappings of files with 200 numbers of all schemes, files of one
scheme each, and files of numbers that are no cards. Each test prints what was counted.
"""

from __future__ import annotations

import gzip
import random
import sys
import time
from functools import cache
from typing import TYPE_CHECKING

import brotli
import pytest

from sealgate.app.assess import assess
from sealgate.detect.catalogue import Kind
from sealgate.detect.scanner import Scanner
from sealgate.inspection.adapters.decoding import decoder_of
from sealgate.inspection.body import BodyScan
from sealgate.inspection.detector import detector_of
from sealgate.inspection.encoded import EncodedScan
from sealgate.inspection.model import WITHHELD, BodyLimits, BodyRefusedError, above
from sealgate.policy.classification import DEFAULT_MODEL
from tests.cards import (
    FILE,
    LONG_AND_SHORT,
    NEAR_MISSES,
    SCHEMES,
    WRAPPINGS,
    mixed,
    near_misses,
    numbers,
    parts,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from pathlib import Path

KINDS = above(DEFAULT_MODEL.weakest, DEFAULT_MODEL)
_LIMITS = BodyLimits(cpu_seconds=60)
# Two numbers that overlap by chance are counted as one; nothing of them is left to read.
_AT_LEAST = FILE - 4
# Of lengths that others have, too, a lone number is not told: those at the ends of a file have no
# neighbours on one side.
_AT_LEAST_IN_COMPANY = FILE - 6
_REFUSED = -1


@cache
def scanner() -> Scanner:
    """Return the one scanner of this module."""
    return Scanner()


def at_rest(folder: Path, data: bytes, ending: str) -> int:
    """Return how many cards an assessment of a file with *data* counts; more if it was not looked at."""
    path = folder / f"file{ending}"
    path.write_bytes(data)
    run = assess([str(path)], inventory=None, register=None, now=0.0, scanner=scanner())
    (found,) = run.assessments
    if found.not_looked:
        return FILE
    return next((k.count for k in found.kinds if k.kind is Kind.PAYMENT_CARD), 0)


def _body_scan() -> BodyScan:
    return BodyScan(detector_of(KINDS), _LIMITS, time.thread_time, withheld=WITHHELD)


def in_flight(data: bytes, sizes: tuple[int, ...]) -> tuple[int, bytes]:
    """Return how many cards are found in a body that comes in pieces of these *sizes*, and what goes on."""
    scan, out, at, turn = _body_scan(), b"", 0, 0
    try:
        while at < len(data):
            size = sizes[turn % len(sizes)]
            out += scan.feed(data[at : at + size])
            at, turn = at + size, turn + 1
        out += scan.close()
    except BodyRefusedError:
        return _REFUSED, b""
    return scan.counts.get(Kind.PAYMENT_CARD, 0), out


_ODD_PIECES = (1021, 7, 333, 61, 1, 1499)


def judged(folder: Path, label: str, data: bytes, ending: str, least: int) -> list[str]:
    """Return what is wrong with how *data* was judged, and print its counts."""
    rest = at_rest(folder, data, ending)
    flight, out = in_flight(data, _ODD_PIECES)
    print(f"{label:44s} at rest {rest:4d}  in flight {flight:4d}")
    wrong = []
    if rest < least:
        wrong.append(f"{label}: {rest} at rest")
    if flight == _REFUSED:
        return wrong
    if flight < least:
        wrong.append(f"{label}: {flight} in flight")
    if len(out) != len(data) or in_flight(out, (len(out),))[0]:
        wrong.append(f"{label}: something is left to read")
    # Signs and digits of Unicode are many, and differ in their bytes alone.
    if "U+" not in label and (flight, out) != in_flight(data, (len(data),)):
        wrong.append(f"{label}: pieces change what goes on")
    return wrong


def test_every_wrapping_is_seen_at_rest_and_in_flight(tmp_path: Path) -> None:
    """A file of 200 numbers in each wrapping is counted, and none of them goes on."""
    assert len(WRAPPINGS) >= 60
    pans, wrong = mixed(), []
    for label, wrapping in WRAPPINGS.items():
        wrong += judged(tmp_path, label, wrapping.write(pans), wrapping.ending, _AT_LEAST)
    print(f"{len(WRAPPINGS)} wrappings, {len(pans)} numbers each; not seen: {len(wrong)}")
    assert not wrong


def test_every_scheme_is_seen_at_rest_and_in_flight(tmp_path: Path) -> None:
    """A file of each scheme is counted: alone in the line, in a table, in words and in groups."""
    wrong = []
    for scheme in (*SCHEMES, *LONG_AND_SHORT):
        least = _AT_LEAST if scheme in SCHEMES else _AT_LEAST_IN_COMPANY
        pans = numbers(scheme)
        for label, ending, lines in (
            ("lines", ".txt", pans),
            ("table", ".csv", ["id,value", *(f"{n},{pan}" for n, pan in enumerate(pans))]),
            ("words", ".log", [f"row {n}: {pan} ok" for n, pan in enumerate(pans)]),
            ("groups", ".txt", [" ".join(parts(pan)) for pan in pans]),
        ):
            data = "".join(f"{line}\n" for line in lines).encode()
            wrong += judged(tmp_path, f"{scheme}, {label}", data, ending, least)
    assert not wrong


def test_near_misses_are_left_alone(tmp_path: Path) -> None:
    """Files of numbers that are no cards have no more of them than chance gives."""
    wrong = []
    for name, miss in NEAR_MISSES.items():
        data = near_misses(name)
        rest, (flight, _) = at_rest(tmp_path, data, ".txt"), in_flight(data, _ODD_PIECES)
        print(f"{name:44s} at rest {rest:4d}  in flight {flight:4d}  at most {miss.most}")
        if max(rest, flight) > miss.most or flight == _REFUSED:
            wrong.append(f"{name}: {rest} at rest, {flight} in flight, at most {miss.most}")
    print(f"{len(NEAR_MISSES)} kinds of near misses, {FILE} lines each; wrong: {len(wrong)}")
    assert not wrong


_PACKERS = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstd.compress}


@pytest.mark.parametrize("how", _PACKERS)
@pytest.mark.parametrize(
    "name",
    [
        "values in one statement",
        "groups before expiry",
        "groups by U+3000",
        "track 1",
        "access log",
    ],
)
def test_packed_bodies_are_masked_like_plain_ones(name: str, how: str) -> None:
    """What is found in a packed body is what is found in the open."""
    data = WRAPPINGS[name].write(mixed())
    decoder = decoder_of(how.encode(), b"text/plain")
    assert decoder is not None
    scan, packed = EncodedScan(_body_scan(), decoder, _LIMITS), _PACKERS[how](data)
    out = b"".join(scan.feed(packed[at : at + 17]) for at in range(0, len(packed), 17))
    out += scan.close()
    assert scan.is_decoded
    assert (scan.counts[Kind.PAYMENT_CARD], out) == in_flight(data, (len(data),))


def test_order_and_neighbours_do_not_hide_a_number() -> None:
    """One number in each kind of near misses is found there, too."""
    rng = random.Random(7)  # noqa: S311 - made-up values
    for name in NEAR_MISSES:
        lines = near_misses(name, 40).splitlines()
        pan = mixed(40, seed=rng.randrange(10**6))[0]
        lines.insert(20, f"{pan} {' '.join(parts(pan))},{pan}".encode())
        _, out = in_flight(b"\n".join(lines), _ODD_PIECES)
        assert pan.encode() not in out, name
        assert " ".join(parts(pan)).encode() not in out, name
