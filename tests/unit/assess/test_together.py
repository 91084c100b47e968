from __future__ import annotations

import pytest

from sealgate.assess.model import KindFound, Missed, Tallied
from sealgate.assess.together import together
from sealgate.detect.catalogue import Kind
from sealgate.detect.model import Confidence


def test_kinds_are_summed_up() -> None:
    """Values and records add up, the surest match counts, and a projection stays one."""
    some = KindFound(Kind.EMAIL, 2, 2, Confidence.LIKELY, ("a",), estimated=True)
    more = KindFound(Kind.EMAIL, 3, 1, Confidence.CONFIRMED, ("b",), at_least=True)
    phone = KindFound(Kind.PHONE, 9, 9, Confidence.LIKELY, ("c",))
    whole = together([Tallied((some, phone), rows=9, bytes_read=90), Tallied((more,), rows=3)])
    assert whole.kinds == (
        KindFound(Kind.PHONE, 9, 9, Confidence.LIKELY),
        KindFound(Kind.EMAIL, 5, 3, Confidence.CONFIRMED, (), estimated=True, at_least=True),
    )
    assert (whole.rows, whole.bytes_read, whole.missed) == (12, 90, ())


@pytest.mark.parametrize("partly", [True, False])
def test_a_gap_in_a_table_is_one_in_its_database(
    partly: bool,  # noqa: FBT001  # a case of the table
) -> None:
    """What was unseen of a table is unseen of the database, wholly when one was wholly."""
    tables = [
        Tallied((), missed=(Missed("x", partly=True),)),
        Tallied((), missed=(Missed("y", partly=partly),)),
    ]
    (missed,) = together(tables).missed
    assert missed.partly is partly
