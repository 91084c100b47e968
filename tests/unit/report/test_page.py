"""The frame of reports in HTML."""

from __future__ import annotations

import re

import pytest

from sealgate.report.page import escaped, page, table
from tests.contrast import contrast


def test_titles_and_headings_are_text() -> None:
    """What is given as text shows as text; cells are HTML already."""
    made = page("<b>", table(["<i>"], [["<u>cell</u>"]]))
    assert "<h1>&lt;b&gt;</h1>" in made
    assert '<th scope="col">&lt;i&gt;</th>' in made
    assert "<td><u>cell</u></td>" in made
    assert escaped('"\x1b') == "&quot;\\x1b"


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_can_be_read(scheme: int) -> None:
    """WCAG 2.2, 1.4.3: text has a contrast of 4.5 on the page and on what is set off."""
    block = re.findall(r":root\{([^}]*)\}", page("x"))[scheme]
    colours = dict(re.findall(r"--([a-z]+):(#[0-9a-f]{3,6})", block))
    assert len(colours) == 9
    for name in ("ink", "faint", "error", "warning", "note", "met"):
        for ground in ("page", "soft"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
