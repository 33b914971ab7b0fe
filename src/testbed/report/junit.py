"""The verdicts as CI servers read them: ``junit.xml``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from testbed.checks.run_integrity import RUN
from testbed.checks.verdict import Status, Verdict
from testbed.report.axis import Axis
from testbed.report.summary import Summary

# Characters that XML 1.0 has no way to write.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(summary: Summary, verdicts: list[Verdict], axis: Axis) -> bytes:
    """Return one suite with a case for each check; a run that broke is an error, not a failure.

    A known failure passes, and its reason is in the output. A check that could not judge is skipped. The document
    follows the schema of Jenkins' xUnit plugin (junit-10.xsd), which allows properties in a suite only, not in a case.

    Args:
        summary: of the run.
        verdicts: of its checks.
        axis: gives the times their zero.
    """
    failed = [each for each in verdicts if each.status is Status.FAIL and not each.documented]
    broken = sum(each.check == RUN for each in failed)
    suites = ET.Element("testsuites", name="testbed")
    suite = ET.SubElement(
        suites,
        "testsuite",
        name=summary.name,
        tests=str(len(verdicts)),
        failures=str(len(failed) - broken),
        errors=str(broken),
        skipped=str(sum(each.status is Status.UNKNOWN for each in verdicts)),
        time=f"{summary.duration:.3f}",
        timestamp=datetime.fromtimestamp(summary.started, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    properties = ET.SubElement(suite, "properties")
    known = {"report": "report.html", "run": summary.run, "series": summary.series, "seed": str(summary.seed)}
    known |= {"repeat": f"{summary.repeat} of {summary.repeats}", "damage": summary.damage, **summary.platform}
    known |= {f"known_failure.{each.check}": each.documented for each in verdicts if each.status is Status.FAIL}
    for name, value in known.items():
        if value:
            ET.SubElement(properties, "property", name=name, value=clean(value))
    for verdict in verdicts:
        _case(suite, summary, verdict, axis)
    ET.indent(suites)
    text: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return text


def _case(suite: ET.Element, summary: Summary, verdict: Verdict, axis: Axis) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"testbed.{summary.name}", name=verdict.check)
    evidence = "\n".join(_fact(axis, fact.at, fact.node, fact.text) for fact in verdict.evidence)
    text = clean(f"{verdict.summary}\n{evidence}\nsee report.html in {summary.run}")
    if verdict.status is Status.UNKNOWN:
        ET.SubElement(case, "skipped", message=clean(f"unknown: {verdict.summary}"))
    elif verdict.status is Status.FAIL and verdict.documented:
        text = clean(f"known failure: {verdict.documented}\n{text}")
    elif verdict.status is Status.FAIL:
        ET.SubElement(case, "error" if verdict.check == RUN else "failure", message=clean(verdict.summary)).text = text
        return
    ET.SubElement(case, "system-out").text = text


def _fact(axis: Axis, at: float | None, node: str, text: str) -> str:
    return " ".join(part for part in (axis.after(at) if at is not None else "", node, text) if part)


def clean(text: str) -> str:
    """Return a text without the characters that XML 1.0 cannot hold."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
