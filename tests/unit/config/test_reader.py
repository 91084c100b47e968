"""The line of every key, table and element of a TOML document."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.config.reader import KeyPath, Lines

DOCUMENT = """\
# remark
top = 1
[listen] # remark
https = [ # remark
  ":443",
  # remark
  ":8443",
]
a . "b.c" = { x = 1, 'y' = [
  { z = 2 }] }

[[site]]
domains = ["a"]
[site."tls".more]
"k\\u0065y" = 1
[[site.route]]
path = "/"
[[site]]
[[site.route]]
[[site.route]]
path = "/b"
[a.b]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("listen",), 3),
        (("listen", "https"), 4),
        (("listen", "https", 0), 5),
        (("listen", "https", 1), 7),
        (("listen", "a", "b.c"), 9),
        (("listen", "a", "b.c", "x"), 9),
        (("listen", "a", "b.c", "y", 0, "z"), 10),
        (("site", 0), 12),
        (("site", 0, "domains"), 13),
        (("site", 0, "tls", "more", "key"), 15),
        (("site", 0, "route", 0), 16),
        (("site", 0, "route", 0, "path"), 17),
        (("site", 1), 18),
        (("site", 1, "route", 0), 19),
        (("site", 1, "route", 1, "path"), 21),
        (("a", "b"), 22),
    ],
)
def test_a_place_has_its_line(path: KeyPath, line: int) -> None:
    """Headers, dotted and quoted keys, arrays and inline tables are all found."""
    assert Lines(DOCUMENT).of(path) == line


@pytest.mark.parametrize(
    ("path", "line"), [(("site", 1, "domains"), 18), (("listen", "https", 9), 4), (("none",), 1)]
)
def test_what_is_not_there_has_its_parents_line(path: KeyPath, line: int) -> None:
    """A missing key is at its table, and without one at the beginning."""
    assert Lines(DOCUMENT).of(path) == line


def test_windows_line_ends_count_once() -> None:
    """A file with CR LF has the same lines."""
    lines = Lines(DOCUMENT.replace("\n", "\r\n"))

    assert lines.of(("site", 1, "route", 1, "path")) == 21


keys = st.sampled_from(["a", "b", "c.d", "e f", "ü", '"'])


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(keys, min_size=1, max_size=3), st.booleans()), max_size=6))
def test_every_pair_of_any_valid_document_is_found(
    tables: list[tuple[list[str], bool]],
) -> None:
    """For documents that tomllib reads, the marked key is found on the line that holds it."""
    text = ""
    expected: dict[int, int] = {}
    for number, (names, repeated) in enumerate(tables):
        header = ".".join(f'"{name}"'.replace('"""', '"\\""') for name in names)
        text += f"[[{header}]]\n" if repeated else f"[{header}]\n"
        text += f"\nmark = {number}\n"
        expected[number] = text.count("\n")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = Lines(text)
    found = {value: lines.of(path) for path, value in walked(values, ())}
    assert found == expected


def walked(value: object, path: KeyPath) -> list[tuple[KeyPath, int]]:
    """Return every number in *value* with the way to it."""
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in walked(item, (*path, key))]
    if isinstance(value, list):
        return [pair for i, item in enumerate(value) for pair in walked(item, (*path, i))]
    return [(path, value)] if isinstance(value, int) else []
