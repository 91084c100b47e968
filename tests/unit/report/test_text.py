"""The report for reading."""

from __future__ import annotations

import dataclasses

import pytest

from sealgate.policy.finding import Report
from sealgate.policy.inventory import Place
from sealgate.report.text import render_text, summary

EXPECTED = """\
error[transit-weak-version]: "site shop.example": offers TLSv1
  --> /etc/seal gate.toml:12
   = required: TLS 1.2 or TLS 1.3 is offered, and nothing older: "confidential" that collects
     "secret" demands encrypted in transit (RFC 8996, 4; RFC 8996, 5; RFC 7568, 3; RFC 9325, 3.1.1)
   = fix: let `sealgate serve` stand at this address; it offers TLS 1.2 and 1.3 only

not observed: "site shop.example": 2 rules could not be answered
  --> /etc/seal gate.toml:12
   = error[transit-backend-bypass]: no route to host
   = error[transit-upstream-plaintext]: no route to host
   = fix: let it be looked at; see `sealgate explain transit-backend-bypass`

warning[transit-insecure-cookie]: "site shop.example": sets sid\\x1b[2J\\u202e without Secure
  --> /etc/seal gate.toml:12
   = required: every cookie has the Secure attribute and is set over TLS (RFC 6265, 8.3; RFC 6265,
     4.1.2.5)
   = fix: let `sealgate serve` stand at this address (it adds Secure to every cookie), or set it in
     the application (PHP: `session.cookie_secure = 1`)

note[transit-weak-hsts]: "site shop.example": HSTS for 300 seconds
  --> /etc/seal gate.toml:12
   = required: HSTS holds for 63072000 seconds (RFC 6797, 6.1.1; Mozilla server-side TLS,
     intermediate)
   = fix: set `hsts_seconds = 63072000` under [tls] when every page works over https

accepted[at-rest-unobserved]: "database shop": nobody looked at at-rest.rung
  --> sealgate.toml:60
   = by: the head of IT, until 2027-03-31
   = reason: confirmed by the host

expired[transit-weak-version]: "site shop.example": the accepted risk ended; by the head of IT,
  until 2026-03-31: confirmed by the host

unused[transit-wrong-name]: "site shop.example": the accepted risk meets no finding; by the head of
  IT, until 2027-03-31: confirmed by the host

2 findings, 1 note, 1 accepted, 2 not observed, {met} met
"""


def test_the_whole_text(report: Report) -> None:
    """What is open comes first, then notes, then every accepted risk with who, why and how long."""
    assert render_text(report) == EXPECTED.format(met=report.met)


def test_nothing_to_fix_is_one_line() -> None:
    """A clean report says so, with numbers."""
    assert render_text(Report((), 7, ())) == "0 findings, 0 accepted, 0 not observed, 7 met\n"


def test_a_single_gap_is_told_with_its_fix(report: Report) -> None:
    """One thing that could not be seen reads like any finding; without a place there is none."""
    gap = next(f for f in report.findings if f.accepted is not None)
    asset = dataclasses.replace(gap.asset, place=Place())
    bare = dataclasses.replace(gap, accepted=None, asset=asset)
    lines = render_text(Report((bare,), 0, ())).splitlines()
    assert lines[0] == (
        'error[at-rest-unobserved]: "database shop": not observed: nobody looked at at-rest.rung'
    )
    assert lines[1].startswith("   = required: ")
    assert any(line.startswith("   = fix: ") for line in lines)


def test_one_is_not_called_ones(report: Report) -> None:
    """The closing line counts in good English."""
    one = Report(report.findings[1:2], 1, ())
    assert summary(one) == "1 finding, 0 accepted, 0 not observed, 1 met"


@pytest.mark.parametrize("width", [40, 72, 200])
def test_lines_fold_where_words_allow(report: Report, width: int) -> None:
    """A line is wider than the console only for a place to copy, one long word, or the last line."""
    *lines, last = render_text(report, console_width=width).splitlines()
    assert last == summary(report)
    for line in lines:
        longest = max((len(word) for word in line.split()), default=0)
        assert len(line) <= width or line.startswith("  -->") or longest > width - 8


def test_colour_only_when_asked_for(report: Report) -> None:
    """In a pipe there is no escape sequence, whatever a server calls its cookies."""
    plain, coloured = render_text(report), render_text(report, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31merror[transit-weak-version]\x1b[0m" in coloured
    assert "\x1b[2J" not in coloured
    assert "\u202e" not in coloured
