from hypothesis import given
from hypothesis import strategies as st

from sealgate.protocols.ftps.replies import (
    CODES,
    facts,
    listed,
    parse_time,
    quoted,
    time_value,
)
from sealgate.storage.model import Entry, Trouble

NOW = 1_800_000_000.0
FILE = Entry(("drop", "a b.csv"), False, 1234, NOW - 60, "anna", "confidential", False, "id7")


def test_every_trouble_has_a_code() -> None:
    """Whatever a store refuses, the client gets a code of RFC 959 for it."""
    assert set(CODES) == set(Trouble)
    assert {code // 100 for code in CODES.values()} == {4, 5}


def test_what_passes_by_itself_is_a_4() -> None:
    """A busy file and a full disk may be tried again; a used-up quota may not."""
    assert CODES[Trouble.BUSY] == 450
    assert CODES[Trouble.NO_SPACE] == 452
    assert CODES[Trouble.QUOTA] == 552
    assert CODES[Trouble.BAD_NAME] == 553


def test_quotes_are_doubled() -> None:
    """A quote in a path does not end the path of a 257 reply."""
    assert quoted('/a"b\r\n') == '"/a""b??"'


@given(st.integers(0, 4_102_444_799))
def test_times_there_and_back(at: int) -> None:
    """What MDTM tells, MFMT understands."""
    assert parse_time(time_value(at)) == at


def test_times_of_no_calendar_are_refused() -> None:
    """Thirteen months, short values and letters are no time."""
    for text in ("20261301000000", "2026", "2026010100000x", "20260101000000.x", "٢٠٢٦٠١٠١٠٠٠٠٠٠"):
        assert parse_time(text) is None


def test_a_fraction_of_a_second_counts() -> None:
    """RFC 3659 allows fractions."""
    assert parse_time("19700101000001.5") == 1.5


def test_a_line_of_ls() -> None:
    """A listing shows owner, class and plain size."""
    line = listed(FILE, NOW)
    assert line.split()[:5] == ["-rw-------", "1", "anna", "confidential", "1234"]
    assert line.endswith(" a b.csv")


def test_old_files_show_their_year() -> None:
    """Beyond half a year the year takes the place of the hour, as in ls."""
    assert " 2001 " in listed(Entry(("x",), False, 1, 1_000_000_000.0), NOW)


def test_facts_are_those_wanted() -> None:
    """A folder has no size and no id."""
    assert facts(FILE, ("type", "size", "unique")) == "type=file;size=1234;unique=id7;"
    assert facts(Entry(("x",), True, 0, 0.0)) == "type=dir;modify=19700101000000;"


def test_a_time_outside_the_calendar_is_shown_as_none() -> None:
    """A broken time hides no folder."""
    assert time_value(1e30) == "19700101000000"
