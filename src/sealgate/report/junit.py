"""
A report as JUnit XML, which most CI systems show beside the tests of a build.

There is no standard; this is what the XSD of Jenkins and GitLab's reader have in common.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sealgate.policy.protection import RUNG_NAMES
from sealgate.report.terminal import clean

if TYPE_CHECKING:
    from sealgate.policy.finding import AssetReport, Finding, Report


def render_junit(report: Report, *, at: float) -> str:
    """
    Return *report* as JUnit XML; *at* is when it was judged, in seconds since the epoch.

    A suite is an asset. A case is a column whose requirement is met, or a finding: what is
    open fails, what was accepted is skipped, a note passes with its text as output. So
    failures are exactly what made the exit code 10.
    """
    root = ET.Element("testsuites", name="sealgate audit")
    moment = dt.datetime.fromtimestamp(at, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for asset in report.assets:
        name = clean(asset.asset.id)
        suite = ET.SubElement(root, "testsuite", name=name, timestamp=moment, time="0")
        for finding in report.findings:
            if finding.asset.id == asset.asset.id:
                _case(suite, finding)
        _met(suite, asset)
        _count(suite)
    _count(root)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _case(suite: ET.Element, finding: Finding) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=clean(finding.asset.id),
        name=finding.rule.id,
        time="0",
    )
    place = finding.asset.place
    if place.file:
        case.set("file", clean(place.file))
        if place.line:
            case.set("line", str(place.line))
    clauses = "; ".join(str(citation) for citation in finding.rule.citations)
    told = clean(f"{finding.status.value}: {finding.found}")
    text = clean(f"required: {finding.required} ({clauses})") + f"\nfix: {clean(finding.fix)}"
    if finding.accepted is not None:
        risk = finding.accepted
        reason = f"accepted by {risk.by} until {risk.until.isoformat()}: {risk.reason}"
        ET.SubElement(case, "skipped", message=clean(reason))
    elif finding.is_open:
        level = finding.severity.name.lower()
        ET.SubElement(case, "failure", type=level, message=told).text = text
    else:
        ET.SubElement(case, "system-out").text = f"{told}\n{text}"


def _met(suite: ET.Element, asset: AssetReport) -> None:
    for column in asset.columns:
        if asset.is_met(column):
            name = f"{column.value}: {RUNG_NAMES[column][asset.required.rank(column)]}"
            ET.SubElement(suite, "testcase", classname=clean(asset.asset.id), name=name, time="0")


def _count(element: ET.Element) -> None:
    element.set("tests", str(len(list(element.iter("testcase")))))
    element.set("failures", str(len(list(element.iter("failure")))))
    element.set("errors", "0")
    element.set("skipped", str(len(list(element.iter("skipped")))))
