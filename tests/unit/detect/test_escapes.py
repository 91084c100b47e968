"""Values behind character references and escapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.detect.catalogue import Kind
from sealgate.detect.escapes import LONGEST_LINE, EscapeScan, Hidden, look_behind, read_signs
from sealgate.detect.model import Confidence
from sealgate.detect.scanner import Scanner

SCANNER = Scanner()
CARD = b"4111 1111 1111 1111"


def kinds(text: bytes) -> dict[Kind, int]:
    """Return how many of each kind show only behind signs."""
    return {one.kind: one.times for one in look_behind(SCANNER, text).hidden}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"<td>&#52;111 1111 1111 1111</td>", Kind.PAYMENT_CARD),
        (b"<td>&#x34;111111111111111</td>", Kind.PAYMENT_CARD),
        (b"<td>&#X0034;111-1111-1111-1111</td>", Kind.PAYMENT_CARD),
        (b"<td>" + b"".join(b"&#%d;" % sign for sign in CARD) + b"</td>", Kind.PAYMENT_CARD),
        # Browsers take a number without its semicolon.
        (b"<td>" + b"".join(b"&#%d" % sign for sign in CARD) + b"</td>", Kind.PAYMENT_CARD),
        (b"<td>4111&nbsp;1111&#160;1111&#xA0;1111</td>", Kind.PAYMENT_CARD),
        (b"<td>4111&ndash;1111&#8211;1111&hyphen;1111</td>", Kind.PAYMENT_CARD),
        (b"<a>anna&#64;example.org</a>", Kind.EMAIL),
        (b"<a>anna&commat;example&period;org</a>", Kind.EMAIL),
        (b"x = {'to': '\\u0044E89370400440532013000'}", Kind.IBAN),
        (b'log: {"to": "anna\\u0040example.org"}', Kind.EMAIL),
        (b"IBAN DE89&nbsp;3704&nbsp;0044&nbsp;0532&nbsp;0130&nbsp;00", Kind.IBAN),
    ],
)
def test_a_value_is_found_as_it_reads(text: bytes, kind: Kind) -> None:
    """However its characters are written: XML 1.0, 4.1; HTML, 13.5; RFC 8259, 7."""
    assert kind not in {match.kind for match in SCANNER.scan(text)}
    assert kinds(text) == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Tom &amp; Jerry &lt;tom@example.org&gt; M&uuml;ller &euro; 5 \\u00fc \\u0026",
        # A value that shows as it stands is counted by whoever looks at that.
        b"<td>4111 1111 1111 1111&#46;</td>",
        b"anna&#46;b@example.org",
        # No card, read or not.
        b"<td>&#52;111 1111 1111 1112</td>",
        b"1&nbsp;2&nbsp;3 and&nbsp;more",
        b"&#0; &#55296; &#1114112; &#99999999999999999999; &#xffffffffff; \\ud800 &nosuch; &# &#x;",
        # Lines stay lines.
        b"4111 1111&nbsp;\n1111 1111",
    ],
)
def test_nothing_is_told_that_was_not_hidden(text: bytes) -> None:
    """Neither what shows without reading, nor what no sign stands for."""
    assert look_behind(SCANNER, text) == ([], 0)


def test_signs_are_read_and_no_line_is_made() -> None:
    """What stands for nothing, for a control character or a surrogate stays as it is."""
    text = (
        b"&#52;&#x34;\\u0034 &nbsp;|&#10;|&#9;|&ndash;|&uuml;&amp;amp; &#0; &#x1b; \\ud83d &no; &#;"
    )
    read = "444  | | |-|ü&amp; &#0; &#x1b; \\ud83d &no; &#;".encode()
    assert read_signs(text) == read


def test_each_line_is_told_with_its_start() -> None:
    """And how often a kind is in it, and how sure that is."""
    text = b"one\n&#52;111111111111111 and &#52;012888888881881\n\nanna&#64;example.org"
    assert look_behind(SCANNER, text).hidden == [
        Hidden(4, Kind.PAYMENT_CARD, Confidence.LIKELY, 2),
        Hidden(text.index(b"anna"), Kind.EMAIL, Confidence.CONFIRMED, 1),
    ]


LINES = st.sampled_from(
    [
        b"walnut bowl",
        b"<td>&#52;111 1111 1111 1111</td>",
        b"anna&#64;example.org; ben@example.org",
        b'"\\u0034111111111111111"',
        b"M&uuml;ller &amp; S&ouml;hne",
        b"C:\\users\\anna",
        b"-" * 700,
        b"-" * 700 + b" anna&commat;example.org " + b"-" * 700,
    ]
)


@given(st.lists(LINES, max_size=8), st.data())
def test_pieces_do_not_matter(lines: list[bytes], data: st.DataObject) -> None:
    """The same is told however a text is cut."""
    text = b"\n".join(lines)
    scan, found, at = EscapeScan(SCANNER), [], 0
    while at < len(text):
        size = data.draw(st.sampled_from([1, 7, 600, 2000]))
        found += scan.feed(text[at : at + size])
        at += size
    found += scan.close()
    assert sorted(found) == sorted(look_behind(SCANNER, text).hidden)
    assert scan.unconfirmed == 0


@pytest.mark.parametrize("before", [0, LONGEST_LINE - 20, LONGEST_LINE - 5, 2 * LONGEST_LINE])
def test_a_line_without_an_end_is_looked_at_in_parts(before: int) -> None:
    """Nothing is missed at the border of two parts, and memory is bounded."""
    text = b"-" * before + b" &#52;111 1111 1111 1111 " + b"-" * LONGEST_LINE
    scan, found = EscapeScan(SCANNER), []
    for at in range(0, len(text), 1 << 16):
        found += scan.feed(text[at : at + (1 << 16)])
    found += scan.close()
    assert {one.kind for one in found} == {Kind.PAYMENT_CARD}
    assert 1 <= sum(one.times for one in found) <= 2


def test_what_is_too_much_to_confirm_is_told() -> None:
    """Signs are no way around the budget of a scanner."""
    scanner = Scanner([Kind.EMAIL], budget=1)
    text = b"anna&#64;example.org " * 4
    assert look_behind(scanner, text).unconfirmed == 3
