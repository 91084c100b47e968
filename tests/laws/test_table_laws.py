"""Laws of reading tables fast: the short ways find what the long way finds."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from sealgate.assess.adapters import delimited, json_values
from sealgate.assess.adapters.json_cells import JsonCells
from sealgate.assess.adapters.json_values import JsonValues
from sealgate.assess.adapters.opened import OpenableFile
from sealgate.assess.adapters.split import split_block
from sealgate.assess.model import Columns
from sealgate.detect.catalogue import Kind
from sealgate.detect.cells import CellScan, Memory
from sealgate.detect.checksums import IBAN_LENGTHS
from sealgate.detect.model import Confidence
from sealgate.detect.plain import FORMS
from sealgate.detect.scanner import Scanner
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Iterable

SCANNER = Scanner()

# Tables.

FIELD = st.text(alphabet='ab ",\n\r0é', max_size=6)
LINE_ENDS = st.sampled_from(["\n", "\r\n"])


def lines_of(text: str) -> Iterable[str]:
    """Return *text* cut behind each line feed only, as the reader of files does."""
    return io.StringIO(text, newline="\n")


@st.composite
def written(draw: st.DrawFn) -> tuple[str, int]:
    """Draw a table as some program would write it, and its width."""
    width = draw(st.integers(2, 4))
    ragged = draw(st.booleans())
    rows = draw(
        st.lists(
            st.lists(FIELD, min_size=1 if ragged else width, max_size=width + ragged), max_size=8
        )
    )
    out = io.StringIO(newline="")
    end = draw(LINE_ENDS)
    if draw(st.booleans()):
        csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    else:
        csv.writer(out, lineterminator=end).writerows(rows)
    text = out.getvalue()
    return (text if draw(st.booleans()) else text.rstrip("\r\n")), width


BROKEN = st.tuples(st.text(alphabet='ab",\n\r', max_size=40), st.integers(2, 4))


@given(written() | BROKEN)
@settings(max_examples=examples(400))
@example(('"","",""\n"a","b",","\n', 3))
@example(('"a"b","c\n"a","b"\n', 2))
@example(("a,b\n\nc,d,e\nf\n", 2))
@example(('"","","",""\n"\n",""\n', 2))
@example(('"a","\n","b","c"\n', 2))
def test_what_is_split_is_what_the_csv_module_reads(table: tuple[str, int]) -> None:
    """A block that is split at once holds the records of the csv module, each once."""
    text, width = table
    split = split_block(text.encode(), ",", width)
    if split is None:
        return
    rows = [list(r) for t in split.whole for r in zip(*t.cells, strict=True)] + split.odd
    assert sum(t.rows for t in split.whole) + len(split.odd) == len(rows)
    expected = list(filter(None, csv.reader(lines_of(text), strict=True)))
    assert Counter(map(tuple, rows)) == Counter(map(tuple, expected))


@given(written(), st.integers(1, 40), st.integers(1, 60))
@settings(max_examples=examples(300))
def test_a_table_is_read_the_same_however_it_is_cut(
    table: tuple[str, int], piece: int, block: int
) -> None:
    """Wherever pieces and blocks end, every cell stands in its column."""
    text = "email,note\n" + table[0]
    try:
        expected = list(filter(None, csv.reader(lines_of(text), strict=True)))[1:]
    except csv.Error:
        expected = None

    class Slow(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            # The first piece decides on encoding and delimiter.
            return super().read(piece if self.tell() else len("email,note\n") + piece)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_BLOCK_BYTES", block)
        contents = list(
            delimited.delimited_contents(OpenableFile("/a.csv", lambda: Slow(text.encode())))
        )
    batches = [c for c in contents if isinstance(c, Columns)]
    if expected is None:
        assert len(batches) < len(contents)  # it is read as text too
        return
    assert len(batches) == len(contents)
    assert sum(b.rows for b in batches) == len(expected)
    for number in range(max(map(len, expected), default=0)):
        found = Counter(c for b in batches if number < len(b.cells) for c in b.cells[number] if c)
        assert found == Counter(
            row[number] for row in expected if number < len(row) and row[number]
        )


# JSON.

SCALAR = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
KEY = st.sampled_from(["email", "a", "note", "12345", "x y"])
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4)
)


def scalars(value: Any) -> Iterable[str | None]:
    """Yield every scalar of *value* as the reader shows it, and every key that is no name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "12345":
                yield key
            yield from scalars(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from scalars(inner)
    elif value is None or isinstance(value, str):
        yield value
    else:
        yield json.dumps(value)


def read_json(text: str, cuts: list[int], entered_at: int) -> Columns:
    """Return the cells of *text*, cut at *cuts*; what has *entered_at* characters is entered."""
    cells = JsonCells()
    values = JsonValues(cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_values, "_ENTERED_AT", entered_at)
        edges = sorted({0, len(text), *(c % (len(text) + 1) for c in cuts)})
        for start, end in pairwise(edges):
            values.feed(text[start:end])
        values.close()
    return cells.batch()


@given(
    st.lists(JSON, min_size=1, max_size=4),
    st.sampled_from([None, 1]),
    st.lists(st.integers(0, 10_000), max_size=6),
    st.sampled_from([1, 4, 20, 1 << 18]),
)
@settings(max_examples=examples(300))
def test_json_is_read_the_same_however_it_is_cut(
    documents: list[Any], indent: int | None, cuts: list[int], entered_at: int
) -> None:
    """Every scalar is a cell once, in the same column, whether it was read whole or in parts."""
    text = "\n".join(json.dumps(d, indent=indent) for d in documents)
    whole = read_json(text, [], 1 << 18)
    parts = read_json(text, cuts, entered_at)
    assert {n: Counter(c) for n, c in zip(whole.names, whole.cells, strict=True)} == {
        n: Counter(c) for n, c in zip(parts.names, parts.cells, strict=True)
    }
    assert whole.rows == parts.rows
    found = Counter(cell for cells in parts.cells for cell in cells)
    assert found == Counter(s for d in documents for s in scalars(d))


@given(
    st.lists(JSON, min_size=1, max_size=2),
    st.integers(0, 10_000),
    st.sampled_from(["", "}", "]", ",", ":", '"', "x", "-", "NaN", "[", "\x01"]),
    st.lists(st.integers(0, 10_000), max_size=3),
    st.sampled_from([1, 1 << 18]),
)
@settings(max_examples=examples(300))
def test_broken_json_is_refused_as_the_json_module_refuses_it(
    documents: list[Any], place: int, added: str, cuts: list[int], entered_at: int
) -> None:
    """What is one well-formed text is read; what is cut off or has a sign too many is not."""
    text = json.dumps(documents)
    at = place % len(text)
    text = text[:at] + added if not added else text[:at] + added + text[at:]
    try:
        json.loads(text, parse_constant=int)
        fine = True
    except ValueError:
        fine = False
    try:
        read_json(text, cuts, entered_at)
        read = True
    except ValueError:
        read = False
    # Many texts one after another are read too.
    assert read or not fine
    if read and not fine:
        rest = text.lstrip()
        while rest:
            _, end = json.JSONDecoder(parse_constant=int).raw_decode(rest)
            rest = rest[end:].lstrip(" \t\r\n")


# Cells.


def check_digits(country: str, account: str) -> str:
    """Return the IBAN for *account* in *country* (ISO 13616)."""
    number = "".join(str(int(c, 36)) for c in f"{account}{country}00")
    return f"{country}{98 - int(number) % 97:02}{account}"


IBANS = st.sampled_from(sorted(IBAN_LENGTHS)).flatmap(
    lambda country: st.text(
        alphabet="0123456789",
        min_size=IBAN_LENGTHS[country] - 4,
        max_size=IBAN_LENGTHS[country] - 4,
    ).map(lambda account: check_digits(country, account))
)
LETTERED = st.text(alphabet="0123456789ABKX", min_size=18, max_size=18).map(
    lambda account: check_digits("GB", account)
)
EMAILS = st.from_regex(
    r"[a-zA-Z0-9._-]{1,12}@([a-z0-9-]{1,6}\.){1,3}(com|org|de|py|md|zip|museum|c0m)", fullmatch=True
)
PHONES = st.tuples(
    st.sampled_from(sorted(COUNTRY_CODE_TO_REGION_CODE)),
    st.from_regex("[0-9 -]{4,14}", fullmatch=True),
).map(lambda cn: f"+{cn[0]} {cn[1]}")
IPS = st.tuples(*[st.integers(0, 260)] * 4).map(lambda o: ".".join(map(str, o)))
OTHERS = st.sampled_from(
    [
        "",
        "Greta",
        "4111 1111 1111 1111",
        "password=hunter2x",
        "+49 30 901820 x12",
        "1.2.3.4",
        "0049 30 901820",
    ]
)
CELLS = EMAILS | IBANS | LETTERED | PHONES | IPS | OTHERS


def one_by_one(cells: Iterable[str]) -> tuple[Counter[Kind], dict[Kind, Confidence]]:
    """Return counts and best confidences of *cells*, each scanned alone."""
    counts: Counter[Kind] = Counter()
    confidence: dict[Kind, Confidence] = {}
    for cell in cells:
        for match in SCANNER.scan(cell.encode()):
            counts[match.kind] += 1
            confidence[match.kind] = max(
                match.confidence, confidence.get(match.kind, match.confidence)
            )
    return counts, confidence


@pytest.mark.parametrize("kind", list(FORMS))
@given(st.lists(CELLS.filter(bool), min_size=1, max_size=12))
@settings(max_examples=examples(150))
def test_a_plain_cell_is_one_confirmed_value(kind: Kind, cells: list[str]) -> None:
    """What a form counts, the scanner finds from end to end, and nothing else in it."""
    data = [c.encode() for c in cells]
    others = Counter(FORMS[kind](data))
    for cell in Counter(data) - others:
        assert [(m.kind, m.start, m.end, m.confidence) for m in SCANNER.scan(cell)] == [
            (kind, 0, len(cell), Confidence.CONFIRMED)
        ]
    assert not others - Counter(data)


@given(
    st.sampled_from([EMAILS, IBANS, PHONES, IPS, OTHERS]),
    st.lists(st.lists(CELLS.filter(bool), max_size=8), min_size=1, max_size=4),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_a_column_counts_what_its_cells_hold(
    usual: st.SearchStrategy[str], batches: list[list[str]], data: st.DataObject
) -> None:
    """However dense or alike the cells of a column are, the counts are those of each cell alone."""
    few = data.draw(st.lists(usual.filter(bool), min_size=1, max_size=6))
    scan = CellScan(SCANNER, Memory(data.draw(st.sampled_from([0, 3, 1000]))))
    fed: list[str] = []
    for other in batches:
        cells = few * (300 // len(few)) + other
        fed += cells
        asked = [c.encode() for c in cells] if data.draw(st.booleans()) else cells
        assert scan.feed(asked) == sum(len(c.encode()) for c in cells)
    counts, confidence = one_by_one(fed)
    assert scan.counts.count == counts
    assert scan.counts.confidence == confidence
