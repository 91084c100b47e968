"""Values that are written with references or escapes are masked where they stand, and stay well formed."""

import json
import time
from html.parser import HTMLParser

import pytest

from sealgate.detect.catalogue import Kind
from sealgate.detect.written import DASHES, SPACES, UNSEEN
from sealgate.inspection.body import BodyScan, look_at_whole
from sealgate.inspection.detector import detector_of
from sealgate.inspection.model import WITHHELD, BodyLimits, BodyRefusal, BodyRefusedError, above
from sealgate.inspection.reading import MOST_HELD
from sealgate.policy.classification import DEFAULT_MODEL

PUBLIC = above(DEFAULT_MODEL.weakest, DEFAULT_MODEL)
DETECTOR = detector_of(PUBLIC)
# Byte by byte, and beside other work.
PATIENT = BodyLimits(cpu_seconds=60)


def through(body: bytes, size: int = 0, *, tells: bool = False) -> tuple[bytes, dict[Kind, int]]:
    """Return what goes on of *body* when it comes in pieces of *size*, and what was found."""
    one = BodyScan(DETECTOR, PATIENT, time.thread_time, withheld=WITHHELD, tells=tells)
    pieces = [body[at : at + size] for at in range(0, len(body), size)] if size else [body]
    out = b"".join(map(one.feed, pieces))
    return out + one.close(), one.counts


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        # References of HTML: named, decimal, hexadecimal, with zeros, without a semicolon.
        (b"4111&nbsp;1111&nbsp;1111&nbsp;1111", b"****&nbsp;****&nbsp;****&nbsp;****"),
        (b"4111&#160;1111&#xA0;1111&nbsp1111", b"****&#160;****&#xA0;****&nbsp****"),
        (b"&#52;111111111111111", b"&#42;***************"),
        (b"&#x34;111 1111 1111 1111", b"&#x2a;*** **** **** ****"),
        (b"&#X034;111 1111 1111 1111", b"&#X02a;*** **** **** ****"),
        (b"&#0000000052;111-1111-1111-1111", b"&#0000000042;***-****-****-****"),
        (b"&#52&#49&#49&#49 1111 1111 111&#x31", b"&#42&#42&#42&#42 **** **** ***&#x2a"),
        (b"4111&ndash;1111&#8209;1111&dash;1111", b"****&ndash;****&#8209;****&dash;****"),
        (b"4111&hyphen;1111&#150;1111&#x2212;1111", b"****&hyphen;****&#150;****&#x2212;****"),
        (b"4111&shy;11&#8203;11&zwj;1111&ZeroWidthSpace;1111", b"****&shy;**&#8203;**&zwj;****&ZeroWidthSpace;****"),
        (b"4111&shy;&shy;&shy;&shy;&shy;&shy;111111111111", b"****&shy;&shy;&shy;&shy;&shy;&shy;************"),
        (b"&#65300;111 1111 1111 1111", b"&#00042;*** **** **** ****"),
        (b"411111111111111&#49;", b"***************&#42;"),
        (b"4111111111111&#49;1&#x31;", b"*************&#42;*&#x2a;"),
        # Escapes of JSON and JavaScript, also in a text of JSON in a text of JSON.
        (rb'"\u0034111 1111 1111 1111"', rb'"\u002a*** **** **** ****"'),
        (rb'"4111\u00a01111\u20071111\u00A01111"', rb'"****\u00a0****\u2007****\u00A0****"'),
        (rb'"\u0034\u0031\u0031\u0031 1111 1111 1111"', rb'"\u002a\u002a\u002a\u002a **** **** ****"'),
        (rb"'\x34111 1111 1111 1111'", rb"'\x2a*** **** **** ****'"),
        (rb"'\u{34}111 1111\u{a0}1111 \u{0031}111'", rb"'\u{2a}*** ****\u{a0}**** \u{002a}***'"),
        (rb'"\\u0034111 1111 1111 1111"', rb'"\\u002a*** **** **** ****"'),
        (rb'"\uff14\uff11\uff11\uff11111111111111"', rb'"\u002a\u002a\u002a\u002a************"'),
        # Both, as who escapes "&" in JSON writes it.
        (rb'"4111\u0026nbsp;1111\u0026#160;1111\u0026#32;1111"', rb'"****\u0026nbsp;****\u0026#160;****\u0026#32;****"'),
        (rb'"\u0026#52;111 1111 1111 1111"', rb'"\u0026#42;*** **** **** ****"'),
        # An escape before a value is no letter of it.
        (rb'"paid:\n4111 1111 1111 1111"', rb'"paid:\n**** **** **** ****"'),
        (rb'"\u003ctd\u003e4111111111111111\u003c/td\u003e"', rb'"\u003ctd\u003e****************\u003c/td\u003e"'),
        (rb'"\u201eDE89 3704 0044 0532 0130 00\u201c"', rb'"\u201e**** **** **** **** **** **\u201c"'),
        (rb'"\tDE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000"', rb'"\t****\u00a0****\u00a0****\u00a0****\u00a0****\u00a0**"'),
        (b'"key:\\n' + b"ghp_" + b"a1B2c3D4e5F6" * 3 + b'"', b'"key:\\n' + b"*" * 40 + b'"'),
        # Spaces and digits of UTF-8.
        ("4111\u00a01111\u202f1111\u20111111".encode(), "****\u00a0****\u202f****\u2011****".encode()),
        ("\uff14111 1111 1111 1111".encode(), b"****** **** **** ****"),
        # Values of other kinds, and words before values.
        (b"DE89&nbsp;3704&nbsp;0044&nbsp;0532&nbsp;0130&nbsp;00", b"****&nbsp;****&nbsp;****&nbsp;****&nbsp;****&nbsp;**"),
        (b"cvv:&nbsp;123 &amp; more", b"cvv:&nbsp;999 &amp; more"),
        (b"takes metformin 500&nbsp;mg a day", b"takes ********* ***&nbsp;** a day"),
        (b"account&nbsp;number: 12345678", b"account&nbsp;number: 99999999"),
        (b"diagnosis: E11&period;9", b"diagnosis: ***&#00042;*"),
        (b"&#36;2y&#36;10&#36;N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhW&#121;", b"&#42;**&#42;**&#42;" + b"*" * 52 + b"&#042;"),
        # A bare number behind a word that is escaped stays a number.
        (rb'{"c\u0076v": 123}', rb'{"c\u0076v": 999}'),
    ],
)  # fmt: skip
def test_value_is_masked_where_it_stands(body: bytes, masked: bytes) -> None:
    """To the byte, however the body is cut, and counted once; what is sent says no value any more."""
    assert len(masked) == len(body)
    around = b"<p>%b</p> and more"
    for size in (0, *range(1, 30)):
        out, counts = through(around % body, size)
        assert out == around % masked
        assert sum(counts.values()) == 1
    for text in (around % body, body):
        whole = look_at_whole(DETECTOR, b"\n" + text, 1, time.thread_time)
        assert whole is not None
        assert not whole.is_clean
        one = BodyScan(DETECTOR, PATIENT, time.thread_time)
        out = b"".join(one.parts(text, whole)) + one.close()
        assert out == text.replace(body, masked)
    assert through(body) == (masked, counts)
    if b"9" not in masked:  # Any number is a code behind the word for one.
        assert through(masked) == (masked, {})
    assert through(body, tells=True) == (body, counts)


@pytest.mark.parametrize(
    "body",
    [
        b"Tom &amp; Jerry &lt;b&gt; M&uuml;ller &quot;4&quot; &copy; 2026 &#8217;s &#x27; &hellip;",
        rb'{"a": "\u00fcber \u043f\u0440 \"x\" \\ \/ \n\n \ud83d\ude00", "b": "C:\\new\\table"}',
        b"years 2019&#8211;2020, 10&nbsp;000&nbsp;km, Dr.&nbsp;Meier &#65; &#x41; \\u0041 \\x41",
        # Text that shows the reference, not the character.
        b"&amp;#52;111 1111 1111 1111 &amp;nbsp; 4111&amp;nbsp;1111&amp;nbsp;1111&amp;nbsp;1111",
        b"4111&nbsp;1111&nbsp;1111&nbsp;1112",
        # Four spaces part numbers, as in a table.
        b"4111&nbsp;&nbsp;&nbsp;&nbsp;1111&nbsp;&nbsp;&nbsp;&nbsp;1111&nbsp;&nbsp;&nbsp;&nbsp;1111",
        rb'"4111\n1111\n1111\n1111" "\u00e4\u00f64111x"',
        b"&# &#; &#x; &#xg; &#0; &#99999999999; &#55296; &#1114112; &; & &nosuch; \\u \\u12 \\ud800 \\x \\",
        "1\u00a0000\u00a0000 \u20ac \u2013 \u201e4\u201c \u00ab5\u00bb".encode(),
        b"\xc2\xa0\xe2\x80\xef\xbc\xc2" + b"&" * 200 + b"\\" * 200,
    ],
)  # fmt: skip
def test_clean_bodies_pass_untouched(body: bytes) -> None:
    """Signs that hide nothing go on byte for byte."""
    for size in (0, *range(1, 20)):
        assert through(body, size) == (body, {})


def test_value_in_the_open_and_a_hidden_one_count_each() -> None:
    """What shows in both readings is counted once, over any cut."""
    body = b"a 4111 1111 1111 1111 b 5500&nbsp;0055&nbsp;5555&nbsp;5559 c 378282246310005 d&#46; "
    body += b"x" * 3000 + b" 4111&#32;1111 1111 1111 e"
    for size in (0, 1, 7, 50, 1000):
        out, counts = through(body, size)
        assert counts == {Kind.PAYMENT_CARD: 4}
        assert out.startswith(b"a **** **** **** **** b ****&nbsp;****&nbsp;****&nbsp;**** c *")
        assert out.endswith(b"x ****&#32;**** **** **** e")


def test_masked_answers_still_parse() -> None:
    """JSON is JSON, and HTML reads as stars."""
    body = rb'{"a": "\u0034111 1111\u00a01111 1111", "b": 4111111111111111, "c": "\u0026#52;111111111111111"}'
    told = json.loads(through(body)[0])
    assert told == {"a": "**** ****\u00a0**** ****", "b": 9999999999999999, "c": "&#42;" + "*" * 15}

    class Reader(HTMLParser):
        text = ""

        def handle_data(self, data: str) -> None:
            self.text += data

    reader = Reader(convert_charrefs=True)
    reader.feed(through(b"<td>&#52;111&nbsp;&#x31;111 11&#49;1 111&#49</td><td>5</td>")[0].decode())
    reader.close()
    assert reader.text == "****\u00a0**** **** ****5"


def test_value_is_masked_before_its_first_byte_goes_on() -> None:
    """While it comes byte by byte, with every digit at its longest, no digit is let on."""
    value = b"".join(b"&#%032d;" % sign for sign in b"4111 1111 1111 1111")
    one, out = BodyScan(DETECTOR, PATIENT, time.thread_time), b""
    for byte in b"x" * 500 + b" " + value + b" " + b"." * 4000:
        out += one.feed(bytes((byte,)))
        assert b"052;" not in out
        assert b"049;" not in out
    assert out.count(b"&#%032d;" % 42) == 16
    assert one.counts == {Kind.PAYMENT_CARD: 1}


def test_private_key_behind_escapes_stops_the_body() -> None:
    """A key in JSON whose dashes are escaped is a key."""
    key = b"\\u002d\\u002d---BEGIN PRIVATE KEY-----\\n" + b"MIIEvQIBADANBgkqhkiG9w0B" * 8
    with pytest.raises(BodyRefusedError) as refused:
        through(b'{"key": "' + key + b'\\n-----END PRIVATE KEY-----\\n"}')
    assert refused.value.kinds == {Kind.PRIVATE_KEY}


@pytest.mark.parametrize("sign", [b"&#%s52;", b"&#x%s34;", rb"\u{%s34}", rb"\u0026#%s52;"])
def test_number_that_is_too_long_is_refused(sign: bytes) -> None:
    """Browsers take any number of zeros; what could be held for ever is not let through unread."""
    assert through(b"x " + sign % (b"0" * 30) + b"111 1111 1111 1111")[1] == {Kind.PAYMENT_CARD: 1}
    for size in (0, 1, 50):
        with pytest.raises(BodyRefusedError) as refused:
            through(b"x " + sign % (b"0" * 31) + b"111 1111 1111 1111 and more" + b"." * 90, size)
        assert refused.value.refusal is BodyRefusal.UNREADABLE


def test_signs_for_nothing_are_not_held_for_ever() -> None:
    """A megabyte of what is not seen could part two digits; no more than that waits."""
    one = BodyScan(DETECTOR, BodyLimits(cpu_seconds=60), time.thread_time)
    with pytest.raises(BodyRefusedError) as refused:  # noqa: PT012
        for _ in range(2 * MOST_HELD // 5000):
            one.feed(b"&shy;" * 1000)
    assert refused.value.refusal is BodyRefusal.BUDGET


def test_candidates_behind_signs_are_counted_as_others() -> None:
    """A body that is made of them is refused, at the same place however it is cut."""
    flood = b"".join(b"<td>4000&nbsp;0000 0000 0%03d</td>" % (n % 1000) for n in range(5000))
    for size in (100, 5000, len(flood)):
        one = BodyScan(DETECTOR, BodyLimits(candidates=1000, cpu_seconds=60), time.thread_time)
        with pytest.raises(BodyRefusedError) as refused:  # noqa: PT012
            for at in range(0, len(flood), size):
                one.feed(flood[at : at + size])
        assert refused.value.refusal is BodyRefusal.BUDGET


def test_flush_lets_whole_lines_go_and_no_more() -> None:
    """An event with signs goes on after a pause; a begun line stays."""
    one = BodyScan(DETECTOR, PATIENT, time.thread_time)
    assert one.feed(b"data: &#52; hello\n\ndata: &#52;111 11") == b""
    assert one.flush() == b"data: &#52; hello\n\n"
    assert one.flush() == b""
    assert one.feed(b"11 1111 1111\n\n") + one.flush() == b"data: &#42;*** **** **** ****\n\n"
    assert one.close() == b""


@pytest.mark.parametrize("form", ["{}", "&#{:d};", "&#x{:X};", "\\u{:04x}"])
@pytest.mark.parametrize("codes", [SPACES, DASHES, UNSEEN], ids=["spaces", "dashes", "unseen"])
def test_every_space_and_dash_of_unicode_is_read(codes: tuple[int, ...], form: str) -> None:
    """Raw, as a reference and as an escape, between the groups of an account, whole or in pieces."""
    not_read = []
    for code in codes:
        is_line_end = code in {0x85, 0x2028, 0x2029}
        if is_line_end or (code > 0xFFFF and form != "{}"):
            continue
        sign = chr(code) if form == "{}" else form.format(code)
        body = f"to {sign.join(['DE89', '3704', '0044', '0532', '0130', '00'])} now".encode()
        for size in (0, 5):
            out, counts = through(body, size)
            if counts != {Kind.IBAN: 1} or b"3704" in out or len(out) != len(body):
                not_read.append((f"{code:04X}", size))
    assert not not_read
