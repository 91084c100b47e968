"""Text that is safe to print."""

from __future__ import annotations

import pytest
from rich.text import Text

from sealgate.report.terminal import clean, drawn, folded


@pytest.mark.parametrize(
    ("hostile", "safe"),
    [
        ("plain, with ümläut and 漢字", "plain, with ümläut and 漢字"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\u202eevil", "\\u202eevil"),
        ("\u200bzero", "\\u200bzero"),
        ("\x9b2J", "\\x9b2J"),
        ("\u2028", "\\u2028"),
        ("\udce4", "\\udce4"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_steers_a_terminal_is_written_out(hostile: str, safe: str) -> None:
    """Control, bidirectional, invisible and broken characters become visible."""
    assert clean(hostile) == safe


def test_drawn_text_ends_lines_without_blanks() -> None:
    """Diffs and pipes get no trailing blanks, and no markup is read into what was found."""
    assert drawn(Text("[red]a[/red]  \nb"), console_width=40, colour=False) == "[red]a[/red]\nb\n"


def test_lines_are_folded_between_words() -> None:
    """What is wider than the screen goes on below, further in; a long path stays whole."""
    line = "because: names of many people (NIST SP 800-122, 3.2.2) in /srv/share/" + "a" * 60
    lines = folded(line, 50, "    ").splitlines()
    assert lines[0] == "    because: names of many people (NIST SP"
    assert lines[-1] == "      /srv/share/" + "a" * 60
    assert all(one.startswith("      ") for one in lines[1:])
    assert folded(line, None, "    ") == f"    {line}"
