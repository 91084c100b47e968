from __future__ import annotations

from collections.abc import Iterable

import pytest

from sealgate.assess import tally as tally_module
from sealgate.assess.model import Columns, Content, Missed, Sampled, Tallied, Text
from sealgate.assess.tally import MAX_COLUMNS, MAX_SAMPLE, Tally
from sealgate.detect.catalogue import Kind
from sealgate.detect.scanner import Scanner


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    """Give one scanner for all."""
    return Scanner()


def tallied(scanner: Scanner, contents: Iterable[Content], name: str = "") -> Tallied:
    """Return what is found in *contents*."""
    tally = Tally(scanner)
    if name:
        tally.name(name)
    for content in contents:
        tally.take(content)
    return tally.finish()


def counts(result: Tallied) -> dict[Kind, int]:
    """Return the count of each kind."""
    return {k.kind: k.count for k in result.kinds}


def test_text_is_counted_over_pieces_with_the_first_line(scanner: Scanner) -> None:
    """A value that two pieces share is found once, and told with the line it begins in."""
    result = tallied(
        scanner,
        [Text(b"one\ntwo\nthree a@exam"), Text(b"ple.org\nfour"), Text(b"\nb@example.org\n")],
    )
    (found,) = result.kinds
    assert (found.kind, found.count, found.where) == (Kind.EMAIL, 2, ("line 3",))
    assert result.bytes_read == 47


def test_references_and_escapes_hide_nothing(scanner: Scanner) -> None:
    """Neither in text, where the line is told, nor in cells; what shows anyway is not counted twice."""
    text = b"one\n<b>&#52;111 1111 1111 1111</b> 4012 8888 8888 1881\nanna&#64;exam"
    result = tallied(scanner, [Text(text), Text(b"ple.org")])
    assert counts(result) == {Kind.PAYMENT_CARD: 2, Kind.EMAIL: 1}
    assert {kind.where for kind in result.kinds} == {("line 2",), ("line 3",)}
    hidden = tallied(scanner, [Text(b"one\nanna&#64;example.org")])
    assert [(kind.kind, kind.where) for kind in hidden.kinds] == [(Kind.EMAIL, ("line 2",))]
    cells = ("<i>&#52;111111111111111</i>", "&amp;", "\\u0034012888888881881", "4111111111111111")
    result = tallied(scanner, [Columns(("note",), (cells,), 4)])
    assert counts(result)[Kind.PAYMENT_CARD] == 3


def test_lines_are_told_in_long_text(scanner: Scanner) -> None:
    """Far into a text the line is still the right one."""
    block = b"walnut bowl\n" * 20_000
    result = tallied(scanner, [Text(block), Text(block), Text(b"a@example.org"), Text(block)])
    assert result.kinds[0].where == ("line 40001",)


def test_columns_are_scanned_and_judged(scanner: Scanner) -> None:
    """Values with a form are counted one by one, others by name and sample; empty ones told."""
    rows = 30
    result = tallied(
        scanner,
        [
            Columns(
                ("first_name", "contact", "fax", "stock"),
                (
                    ["Greta"] * rows,
                    [f"write to a{n}@example.org" for n in range(rows)],
                    [None, ""] * (rows // 2),
                    [str(n) for n in range(rows)],
                ),
                rows,
                from_schema=True,
            )
        ],
    )
    assert counts(result)[Kind.PERSON_NAME] == rows
    assert counts(result)[Kind.EMAIL] == rows
    assert {k.kind: k.where for k in result.kinds}[Kind.EMAIL] == ("contact",)
    assert result.empty_columns == ("fax",)
    assert result.rows == rows


def test_two_columns_of_names_are_one_person_each(scanner: Scanner) -> None:
    """Values are summed over columns, records are not."""
    result = tallied(
        scanner,
        [Columns(("first_name", "last_name"), (["Greta"] * 9, ["Keller"] * 9), 9)],
    )
    (found,) = result.kinds
    assert (found.count, found.records) == (18, 9)


def test_a_kind_seen_in_text_and_columns_counts_once(scanner: Scanner) -> None:
    """The same bytes read as rows and again as text are not counted twice."""
    rows = Columns(("email",), (["a@example.org", "b@example.org"],), 2)
    text = Text(b"email\na@example.org\nb@example.org\nc@example.org\n")
    assert counts(tallied(scanner, [rows, text])) == {Kind.EMAIL: 3}


def test_cells_do_not_run_into_each_other(scanner: Scanner) -> None:
    """Pieces of a number in cells one below the other are no number."""
    cells = ["4111", "1111", "1111", "1111"] * 5
    assert tallied(scanner, [Columns(("stock",), (cells,), 20)]).kinds == ()


def test_bytes_in_cells_are_looked_at(scanner: Scanner) -> None:
    """A binary column is scanned as it is."""
    result = tallied(scanner, [Columns(("blob",), ([b"\xff\x00 a@example.org \xfe"],), 1)])
    assert counts(result) == {Kind.EMAIL: 1}


def test_names_are_looked_at(scanner: Scanner) -> None:
    """Values in the name of an item and in the names of its columns are counted."""
    columns = Columns(("b@example.org",), (["1"],), 1)
    result = tallied(scanner, [columns], name="a%40example.org.csv")
    assert counts(result) == {Kind.EMAIL: 2}
    assert result.kinds[0].where == ("name",)


def test_a_sample_is_projected_and_marked(scanner: Scanner) -> None:
    """Counts from a part of the rows are scaled to all of them, and say so."""
    rows = Columns(("email",), ([f"a{n}@example.org" for n in range(10)],), 10)
    result = tallied(scanner, [Sampled(10, 1000), rows])
    (found,) = result.kinds
    assert (found.count, found.records, found.estimated) == (1000, 1000, True)
    assert result.rows == 1000


def test_the_sample_of_a_column_is_even_and_bounded(scanner: Scanner) -> None:
    """Names only in the second half of a long column are judged by their share."""
    half = 20 * MAX_SAMPLE
    batches = [Columns(("full_name",), (["Greta Lindqvist"] * half,), half)] * 2
    result = tallied(scanner, batches)
    assert counts(result) == {Kind.PERSON_NAME: 2 * half}


def test_what_is_counted_by_a_sample_of_the_column_says_so(scanner: Scanner) -> None:
    """Values without a form are projected from the sample; those with one are counted."""
    few, many = 300, 20 * MAX_SAMPLE
    for rows, estimated in ((few, False), (many, True)):
        cells = (["Greta"] * rows, [f"a{n}@example.org" for n in range(rows)])
        result = tallied(scanner, [Columns(("first_name", "email"), cells, rows)])
        assert {k.kind: (k.count, k.estimated) for k in result.kinds} == {
            Kind.PERSON_NAME: (rows, estimated),
            Kind.EMAIL: (rows, False),
        }


def test_too_many_columns_are_scanned_and_told(scanner: Scanner) -> None:
    """Columns beyond the limit are not judged by name, but their values are seen."""
    names = tuple(f"c{n}" for n in range(MAX_COLUMNS + 2))
    cells = tuple(["a@example.org"] for _ in names)
    result = tallied(scanner, [Columns(names, cells, 1)])
    assert counts(result) == {Kind.EMAIL: len(names)}
    assert [m.partly for m in result.missed] == [True]
    assert result.kinds[0].where[-1].endswith("more")


def test_what_was_missed_is_told_once(scanner: Scanner) -> None:
    """The same reason twice is one record."""
    assert tallied(scanner, [Missed("x"), Missed("x")]).missed == (Missed("x"),)


def test_counts_over_the_budget_say_at_least() -> None:
    """When there were more candidates than are confirmed, the count is a lower bound."""
    scanner = Scanner(budget=10)
    result = tallied(scanner, [Text(b"a@example.org\n" * 500)])
    assert result.kinds[0].at_least
    result = tallied(scanner, [Columns(("email",), (["a@example.org"] * 500,), 500)])
    assert result.kinds[0].at_least


def test_limits_are_settings() -> None:
    """The bounds of memory are named values of the module."""
    assert tally_module.MAX_SAMPLE <= 1000
    assert tally_module.MAX_SAMPLE_CHARACTERS <= 1000
