"""The pictures of the guide can be read by everybody: words that fit, a title, a place on a page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = sorted((DOCS / "pictures").iterdir())
DRAWN = [path for path in PICTURES if "aria-labelledby" in path.read_text(errors="replace")]
SVG = "{http://www.w3.org/2000/svg}"
# More than the widest usual font needs for a letter, at 13 and at 12 pixels.
LETTER = {"name": 7.8, "note": 6.8}


def test_there_are_pictures() -> None:
    """The four ways through Sealgate and the house are drawn."""
    assert {path.stem for path in DRAWN} >= {"link", "request", "upload", "finding", "house"}


@pytest.mark.parametrize("path", DRAWN, ids=lambda path: path.stem)
def test_a_picture_is_told_in_words(path: Path) -> None:
    """It has a title and a description, its words are text, and it is made for light and dark."""
    root = ET.fromstring(path.read_text())  # noqa: S314  # a file of ours
    assert (root.findtext(f"{SVG}title") or "").strip()
    assert len(root.findtext(f"{SVG}desc") or "") > 60
    assert list(root.iter(f"{SVG}text"))
    assert "prefers-color-scheme:dark" in (root.findtext(f"{SVG}style") or "")
    assert "http" not in path.read_text().replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("path", DRAWN, ids=lambda path: path.stem)
def test_words_fit_into_their_boxes(path: Path) -> None:
    """No word reaches over the edge of its box or of the picture, and no boxes overlap."""
    root = ET.fromstring(path.read_text())  # noqa: S314  # a file of ours
    wide = float(root.get("width", "0"))
    boxes = []
    for each in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(each.get(name, "0")) for name in ("x", "y", "width", "height"))
        if each.get("class") not in {"page", "group"}:
            boxes.append((x, y, x + w, y + h))
    for text in root.iter(f"{SVG}text"):
        words, x, y = text.text or "", float(text.get("x", "0")), float(text.get("y", "0"))
        room = len(words) * LETTER[text.get("class", "note")]
        left = x if text.get("text-anchor") == "start" else x - room / 2
        around = [box for box in boxes if box[0] <= x <= box[2] and box[1] <= y <= box[3]]
        edges = (around[0][0], around[0][2]) if around else (0.0, wide)
        assert edges[0] <= left, words
        assert left + room <= edges[1], words
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = (
                one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            )
            assert apart, (one, other)


def test_every_picture_stands_on_a_page_with_words_for_it() -> None:
    """Each is shown somewhere, and whoever does not see it is told what it shows."""
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
    shown = [
        each for page in pages for each in re.findall(r"!\[([^]]*)\]\(([^)]*)\)", page.read_text())
    ]
    assert all(len(words) > 20 for words, _target in shown)
    assert {target.rpartition("/")[2] for _words, target in shown} >= {p.name for p in PICTURES}
    assert [path.name for path in PICTURES if path.stat().st_size > 150_000] == []
