"""Tags and texts of a page, as browsers read them, and never slowly."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.markup import Tag, read_markup


def names(markup: str) -> list[str]:
    """Return the tags of *markup* by name, end tags with a slash."""
    found = [item for item in read_markup(markup) if isinstance(item, Tag)]
    return [f"/{tag.name}" if tag.closes else tag.name for tag in found]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<svg><script/></svg><form>", ["svg", "script", "/svg", "form"]),
        ("<svg/><title><form></title>", ["svg", "title", "/title"]),
        ("<svg><script href=x/></svg></script><form>", ["svg", "script", "/script", "form"]),
        ("<svg><![CDATA[><!--]]></svg><form>", ["svg", "/svg", "form"]),
        ("<svg><![CDATA[><a>]]></svg><b>", ["svg", "a", "/svg", "b"]),
        ("<svg><p><script/>'<!--'</script><form>", ["svg", "p", "script", "/script", "form"]),
        (
            "<svg><desc><script/>'<!--'</script></desc></svg><form>",
            ["svg", "desc", "script", "/script", "/desc", "/svg", "form"],
        ),
        (
            "<math><mi><svg></math><title><a></title>",
            ["math", "mi", "svg", "/math", "title", "/title"],
        ),
    ],
)
def test_svg_and_mathml(markup: str, expected: list[str]) -> None:
    """What ends in ``/>`` ends there (HTML, 13.2.6.5), sections hide their text, and HTML comes back."""
    assert names(markup) == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<script/><form>", ["script", "form"]),
        ("<title/><textarea/><h:form>", ["title", "textarea", "form"]),
        ("<![CDATA[><!--]]><form>", ["form"]),
        ("<![CDATA[<a>]]><form>", ["form"]),
        ("<?x > <!-- ?><form>", ["form"]),
        ("<script><a/></script><form>", ["script", "a", "/script", "form"]),
    ],
)
def test_xml(markup: str, expected: list[str]) -> None:
    """A parser of XML knows no element whose content is no markup (XML, 2.4, 2.6, 2.7, 3.1)."""
    found = [item for item in read_markup(markup, xml=True) if isinstance(item, Tag)]
    assert [f"/{tag.name}" if tag.closes else tag.name for tag in found] == expected


def test_what_styles_and_scripts_hold_in_svg_and_xml() -> None:
    """It is read there, too."""
    for markup, xml in (
        ("<svg><style>@import 'a';</style><script>b</script></svg>", False),
        ("<x><style>@import 'a';</style><script>b</script></x>", True),
    ):
        found = [item for item in read_markup(markup, xml=xml) if isinstance(item, Tag)]
        assert [tag.content for tag in found if tag.content] == ["@import 'a';", "b"]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<A><b></B >", ["a", "b", "/b"]),
        ("x < y <3 <a>", ["a"]),
        ("<!-- <a> --><b>", ["b"]),
        ("<!--><b>", ["b"]),
        ("<!---><b>", ["b"]),
        ("<!-- <a> --!><b>", ["b"]),
        ("<!-- <a> <b>", []),
        ("<!doctype html><a>", ["a"]),
        ("<![CDATA[<a>]]><b>", ["b"]),
        ("<?php <a> ?><b>", ["b"]),
        ("</ <a><b>", ["b"]),
        ("<script><a></script><b>", ["script", "/script", "b"]),
        ("<script></scripts><a></SCRIPT ><b>", ["script", "/script", "b"]),
        ("<textarea><a>", ["textarea"]),
        ("<noscript><a></noscript>", ["noscript", "a", "/noscript"]),
        ("<a x='><b>", []),
        ("<a x='>'><b>", ["a", "b"]),
        ("<a/><b/>", ["a", "b"]),
        ("<a", []),
    ],
)
def test_tags(markup: str, expected: list[str]) -> None:
    """Comments and scripts hide what is in them, and nothing behind them."""
    assert names(markup) == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<a B=c>", {"b": "c"}),
        ("<a b = 'c d' e=\"f\">", {"b": "c d", "e": "f"}),
        ("<a b=c/d>", {"b": "c/d"}),
        ("<a b c>", {"b": "", "c": ""}),
        ("<a b=1 b=2>", {"b": "1"}),
        ("<a b='&amp;&#x2f;'>", {"b": "&/"}),
        ("<a =b=c>", {"=b": "c"}),
        ("<a\tb\n=\nc>", {"b": "c"}),
        ("<a/b=c>", {"b": "c"}),
        ("<a b=>", {"b": ""}),
        ("<a b='c'd=e>", {"b": "c", "d": "e"}),
    ],
)
def test_attributes(markup: str, expected: dict[str, str]) -> None:
    """Attributes are read as the standard's tokenizer reads them."""
    [tag] = read_markup(markup)
    assert isinstance(tag, Tag)
    assert tag.attributes == expected


@given(st.lists(st.sampled_from([*"<>/!-?'\"= ax&#", "script", "</"]), max_size=60))
def test_any_markup_is_read_to_its_end(pieces: list[str]) -> None:
    """Nothing raises, and no text is told twice."""
    markup = "".join(pieces)
    texts = [item for item in read_markup(markup) if isinstance(item, str)]
    assert sum(map(len, texts)) <= len(markup)


@pytest.mark.parametrize(
    "piece",
    ["<", "<a", "<a ", "<a x='", '<a b="', "<!--", "<![", "</", "<?", "<script>", "&", "<a/"],
)
def test_broken_pages_take_no_longer(piece: str) -> None:
    """Half a megabyte of broken tags is read in seconds, where it took others hours."""
    markup = piece * (500_000 // len(piece))
    begins = time.thread_time()
    for _ in read_markup(markup):
        pass
    assert time.thread_time() - begins < 5
