"""A type is read in one way, or the body in every way, or neither."""

import pytest

from sealgate.inspection.content_type import FORM, may_be_form, media_type
from sealgate.inspection.model import BodyRefusedError


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"application/x-www-form-urlencoded", FORM),
        (b"  Application/X-WWW-Form-URLencoded ; charset=UTF-8", FORM),
        (b'multipart/form-data; boundary="a, b; c"', b"multipart/form-data"),
        (b"multipart/form-data; boundary=----=_;;x=1", b"multipart/form-data"),
        (b"text/plain; charset=iso-8859-1", b"text/plain"),
        (b"text/html; charset=windows-1251", b"text/html"),
        (b"text/html; charset=gb18030", b"text/html"),
        (b"text/html; charset=Shift_JIS", b"text/html"),
        (b"text/html; charset=utf8mb4", b"text/html"),
        (b"text/html; charset=", b"text/html"),
        (b'text/html; charset="\\u\\t\\f-8"', b"text/html"),
        (b"text/html; charset='utf-8'", b"text/html"),
        (b"text/html; name*=utf-8''x; charset=utf-8", b"text/html"),
        (b"application/problem+json", b"application/problem+json"),
        (b"", b""),
        (b"form", b""),
        (b"application /x-www-form-urlencoded", b""),
        (b"a/b/c", b""),
        (b";charset=utf-8", b""),
    ],
)
def test_type_is_read(said: bytes, kind: bytes) -> None:
    """In lower case and without parameters; what is no type says nothing."""
    assert media_type(said) == kind
    assert may_be_form(said) is (kind in {b"", FORM})


@pytest.mark.parametrize(
    "said",
    [
        b"text/plain, application/x-www-form-urlencoded",
        b"application/x-www-form-urlencoded, text/plain",
        b"text/plain,text/plain",
        b"text/plain; charset=utf-16",
        b'text/plain; charset="UTF-16LE"',
        b"text/plain; charset*=utf-8''x; charset=UTF-32",
        b"text/plain; charset = utf-7",
        b"text/plain; charset=utf-8; charset=utf-16",
        b"application/x-www-form-urlencoded; charset=ibm037",
        b"application/x-www-form-urlencoded; charset=IBM-1047",
        b"application/x-www-form-urlencoded; charset=cp500",
        b"text/plain; charset=x-ibm933",
        b"text/plain; charset=iso-2022-jp",
        b"text/plain; charset=hz-gb-2312",
        b"text/plain; charset=ISO-10646-UCS-2",
        b"text/plain; charset=unicode_escape",
        b"text/plain; charset*=utf-8''utf-16le",
        b"text/plain; charset*=''%75tf-16",
        b"text/plain; charset*0=utf-;charset*1=16le",
        b"text/plain; charset*0*=utf-8''utf-;charset*1=16le",
        b"text/plain; Charset *=utf-8''utf-8",
        b'text/plain; charset="\\u\\t\\f-16"',
        b'text/plain; charset="c\\p500"',
        b'text/plain; charset="\\"utf-1\\6\\""',
        b"text/plain; charset=\"'utf-16'\"",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(said: bytes) -> None:
    """Two types, and sets in which the bytes of ASCII may be something else."""
    with pytest.raises(BodyRefusedError):
        media_type(said)
