"""What style sheets refer to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.css import Sheet, read_css


@pytest.mark.parametrize(
    ("text", "imports", "parts"),
    [
        ("@import 'a.css';", ("a.css",), ()),
        ('@import url("a.css") layer(x) supports(display: grid) screen;', ("a.css",), ()),
        ("@IMPORT\nURL( a.css );", ("a.css",), ()),
        ("p { background: url(a.png) }", (), ("a.png",)),
        ("p { background: url( 'a b.png' ), url(c) }", (), ("a b.png", "c")),
        ("@font-face { src: url(f.woff2) format('woff2') }", (), ("f.woff2",)),
        ("p { background: image-set('a.png' 1x, url(b.png) 2x) }", (), ("a.png", "b.png")),
        ("p { background: -webkit-image-set(url(a) 1x) } q { content: 'x' }", (), ("a",)),
        ("p { background: url(\\68ttp://a.test/i) }", (), ("http://a.test/i",)),
        ("p { background: url('a\\'b') }", (), ("a'b",)),
        ("@namespace url(http://www.w3.org/1999/xhtml);", (), ()),
        ("@namespace x url(http://a/); p { x: url(b) }", (), ("b",)),
        ("/* url(a) @import 'b' */", (), ()),
        ("p { content: 'url(a)' }", (), ()),
        ("p { content: 'not closed\n; background: url(a) }", (), ("a",)),
        ("p { background: url(a", (), ("a",)),
        ("p { x: src('a') }", (), ("a",)),
        ("", (), ()),
    ],
)
def test_references(text: str, imports: tuple[str, ...], parts: tuple[str, ...]) -> None:
    """References are read as they stand; comments, name spaces and other strings are none."""
    assert read_css(text) == Sheet(imports, parts)


@given(
    st.lists(
        st.sampled_from(
            [
                "url(",
                "'",
                '"',
                "/*",
                "*/",
                "@import ",
                "\\",
                ";",
                "{",
                "}",
                ")",
                "image-set(",
                "a\n",
            ]
        ),
        max_size=20,
    ).map("".join)
)
def test_any_text_is_read(text: str) -> None:
    """No style sheet makes the reader raise."""
    read_css(text)
