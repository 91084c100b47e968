"""JUnit XML: what fails there is what the exit code is about, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sealgate.policy.finding import Report
from sealgate.report.junit import render_junit

if TYPE_CHECKING:
    from sealgate.policy.finding import Finding

AT = 1_795_478_400.0  # 2026-11-24 00:00 UTC


def read(report: Report) -> ET.Element:
    """Return the root of *report* as JUnit XML."""
    return ET.fromstring(render_junit(report, at=AT))  # noqa: S314  # our own output


def test_failures_are_the_open_findings(report: Report) -> None:
    """An accepted risk is skipped with its reason, a note passes with its text."""
    root = read(report)
    failed = [
        (case.get("classname"), case.get("name"))
        for case in root.iter("testcase")
        if case.find("failure") is not None
    ]
    opened = [(f.asset.id, f.rule.id) for f in report.open_findings]
    assert sorted(failed) == sorted(opened)
    assert root.get("failures") == str(len(opened))
    (skipped,) = root.iter("skipped")
    assert skipped.get("message") == (
        "accepted by the head of IT until 2027-03-31: confirmed by the host"
    )
    (weak,) = root.iterfind(".//testcase[@name='transit-weak-version']")
    assert (weak.get("file"), weak.get("line")) == ("/etc/seal gate.toml", "12")
    failure = weak.find("failure")
    assert failure is not None
    assert failure.get("type") == "error"
    assert "TLSv1" in (failure.get("message") or "")
    assert "fix: " in (failure.text or "")
    (note,) = root.iterfind(".//testcase[@name='transit-weak-hsts']")
    assert note.find("failure") is None
    assert note.find("system-out") is not None


def test_suites_are_assets_and_counts_agree(report: Report) -> None:
    """One suite for each asset; what it requires and has is a case that passes."""
    root = read(report)
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == [a.asset.id for a in report.assets]
    for element in (root, *suites):
        for counted, tag in (
            ("tests", "testcase"),
            ("failures", "failure"),
            ("skipped", "skipped"),
        ):
            assert element.get(counted) == str(len(list(element.iter(tag))))
        assert element.get("errors") == "0"
    assert {suite.get("timestamp") for suite in suites} == {"2026-11-24T00:00:00"}
    (route,) = [suite for suite in suites if suite.get("name") == "route shop.example/"]
    assert "in transit: unencrypted" in {case.get("name") for case in route}


def test_what_a_hostile_server_says_is_text(report: Report) -> None:
    """Markup and characters that XML cannot hold are shown, and the file can be read."""

    def worse(finding: Finding) -> Finding:
        return dataclasses.replace(finding, found="]]><failure/>\x00\x1b[2J\ufffe\ud800")

    hostile = dataclasses.replace(report, findings=tuple(map(worse, report.findings)))
    root = read(hostile)
    assert root.get("failures") == str(len(report.open_findings))
    said = [failure.get("message") or "" for failure in root.iter("failure")]
    assert all(r"]]><failure/>\x00\x1b[2J" in one for one in said)


def test_an_empty_report_is_a_suite_of_nothing() -> None:
    """Nothing judged: no case."""
    assert read(Report((), 0, ())).get("tests") == "0"
