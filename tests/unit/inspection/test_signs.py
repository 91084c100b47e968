"""Which references and escapes count, what they say, and what stands for a star in their place."""

from html import unescape
from html.entities import html5

import pytest

from sealgate.detect.confirm import ANCHORS
from sealgate.inspection.model import BodyRefusal, BodyRefusedError
from sealgate.inspection.signs import begins_open, first_sign, masked_sign, parted, read_sign


@pytest.mark.parametrize(
    ("sign", "says", "masked"),
    [
        (b"&#52;", b"4", b"&#42;"),
        (b"&#x7A;", b"z", b"&#x2a;"),
        (b"&#122", b"z", b"&#042"),
        (b"&#00052;", b"4", b"&#00042;"),
        (b"&period;", b".", b"&#00042;"),
        (b"&num;", b"#", b"&#42;"),
        (b"&nbsp;", b" ", b"&nbsp;"),
        (b"&nbsp", b" ", b"&nbsp"),
        (b"&#8209;", b"-", b"&#8209;"),
        (b"&#150;", b"-", b"&#150;"),  # as browsers read what is Windows-1252
        (b"&shy;", b"", b"&shy;"),
        (b"&#10;", b"\n", b"&#10;"),
        (b"&quot", b'"', b"&quot"),
        (b"\\u0034", b"4", b"\\u002a"),
        (b"\\\\\\\\u0034", b"4", b"\\\\\\\\u002a"),
        (b"\\uFF14", b"4", b"\\u002a"),
        (b"\\x34", b"4", b"\\x2a"),
        (b"\\u{34}", b"4", b"\\u{2a}"),
        (b"\\u{000034}", b"4", b"\\u{00002a}"),
        (b"\\u{110000}", "\ufffd".encode(), b"\\u{00002a}"),
        (b"\\u00a0", b" ", b"\\u00a0"),
        (b"\\u003c", b"<", b"\\u003c"),
        (b"\\n", b"\n", b"\\n"),
        (b"\\t", b"\t", b"\\t"),
        (b"\\u0026nbsp;", b" ", b"\\u0026nbsp;"),
        (b"\\u0026#x34;", b"4", b"\\u0026#x2a;"),
        (b"\\u0026period;", b".", b"\\u0026#00042;"),
        ("\u00a0".encode(), b" ", "\u00a0".encode()),
        ("\u2011".encode(), b"-", "\u2011".encode()),
        ("\uff14".encode(), b"4", b"***"),
    ],
)
def test_sign_says_what_it_is_written_for(sign: bytes, says: bytes, masked: bytes) -> None:
    """HTML, 13.2.5.80; RFC 8259, 7; ECMA-262, 12.9.4. A mask is as long, and says a star."""
    assert read_sign(sign) == says
    assert masked_sign(sign) == masked
    assert len(masked) == len(sign)


@pytest.mark.parametrize("sign", [b"&#%s1", b"&#x%s1", b"\\u0026#%s1;", b"\\u{%s1}"])
def test_number_of_too_many_digits_is_refused(sign: bytes) -> None:
    """32 are read, 33 are not."""
    assert read_sign(sign % (b"0" * 31)) == b"" or sign.endswith(b"}")
    with pytest.raises(BodyRefusedError) as refused:
        read_sign(sign % (b"0" * 32))
    assert refused.value.refusal is BodyRefusal.UNREADABLE


def test_every_name_of_a_character_that_values_have_counts() -> None:
    """Held against the table of HTML: what is no separator, quote or angle counts by its name."""
    for name, says in html5.items():
        if name.endswith(";") and len(says) == 1 and says in "@.+_:=/$,#%*{}":
            assert parted(f"1&{name}2".encode())[1:] == [f"&{name}".encode(), b"2"]
            assert unescape(masked_sign(f"&{name}".encode()).decode()) == "*"


def test_value_behind_an_escape_counts_by_how_it_begins() -> None:
    """Every mark of an issuer is looked for, but for that of Terraform, behind 14 letters of any kind."""
    edge = "[^0-9A-Za-z]"
    begins = {
        "AKIA", "ASIA", "ABIA", "ACCA", "ghp_", "gho_", "github_pat_", "glpat-", "gldt-", "xoxb-", "xapp-",
        "hooks.slack", "sk_live_", "rk_test_", "whsec_", "AIza", "GOCSPX-", "ya29.", "sk-proj-", "SG.", "npm_",
        "pypi-AgE", "dop_v1_", "shpat_", "sq0atp-", "hf_", "dapi", "hvs.", "123456789:AA", "key-1", "SK1",
        "EAACEdEose0cBA", "lin_api_", "AccountKey=", "sntrys_", "glc_", "dckr_pat_", "Authorization: ", "4111", "DE89",
    }  # fmt: skip
    held = [begin for begin in begins if first_sign(f'"\\n{begin}xxxx'.encode()) >= 0]
    assert sorted(begins - set(held)) == []
    kinds = [a for a in ANCHORS if a.pattern.startswith(edge) and a.name.startswith("token-")]
    assert len(kinds) == 34, "a new token: its beginning belongs into the list above, and _VALUE"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (b"", 0),
        (b"plain text", 10),
        (b"a &", 2),
        (b"a &nbs", 2),
        (b"a &nbsp;", 2),
        (b"a &nbsp;&#5", 2),
        (b"a & b", 5),
        (b"a &amp; b", 9),
        (b"a \\", 2),
        (b"a \\\\\\", 2),
        (b"a \\u00", 2),
        (b"a \\n", 2),
        (b"a " + b"\\" * 200, 2 + 200 - 96 - 3),
        (b"a \xc2", 2),
        (b"a \xe2\x80\x91", 2),
    ],
)
def test_what_may_go_on_to_be_a_sign_waits(text: bytes, at: int) -> None:
    """It waits from its first byte, and never more than two lengths of a sign do."""
    assert begins_open(text) == at
