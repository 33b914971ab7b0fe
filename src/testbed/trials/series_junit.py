"""A series as CI servers read it: a suite, and a case for each trial."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from testbed.report.junit import clean
from testbed.trials import series_figures
from testbed.trials.trial_store import Trial, TrialStore


def junit(store: TrialStore) -> bytes:
    """Return the document. A trial that testbed could not finish is an error, and an unknown one is skipped."""
    trials, settings = store.trials, store.settings
    counted = series_figures.count_verdicts(trials)
    suites = ET.Element("testsuites", name="testbed")
    suite = ET.SubElement(
        suites,
        "testsuite",
        name=store.incident.name,
        tests=str(len(trials)),
        failures=str(counted["fail"]),
        errors=str(counted["error"]),
        skipped=str(counted["unknown"]),
        time=f"{sum(trial.seconds for trial in trials):.3f}",
        timestamp=datetime.fromtimestamp(settings.started, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    properties = ET.SubElement(suite, "properties")
    known = {"series": store.name, "seed": str(settings.seed), "planned": str(settings.trials), **settings.platform}
    for measure in series_figures.outage_measures(trials):
        known[f"{measure.name}: median"] = f"{measure.of.median:.3f}"
        known[f"{measure.name}: max"] = f"{measure.of.maximum:.3f}"
    for name, value in known.items():
        ET.SubElement(properties, "property", name=name, value=clean(value))
    for trial in trials:
        _case(suite, store.incident.name, trial)
    ET.indent(suites)
    text: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return text


def _case(suite: ET.Element, incident: str, trial: Trial) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=f"testbed.{incident}", name=f"trial {trial.number}", time=f"{trial.seconds:.3f}"
    )
    message = clean(trial.reason)
    checks = trial.summary.checks if trial.summary else ()
    lines = [f"{check.name}: {check.status}: {check.summary}" for check in checks if check.status != "pass"]
    text = clean("\n".join([*lines, f"run {trial.run or 'did not begin'}{'' if trial.kept else ', not kept'}"]))
    match trial.verdict:
        case "error":
            ET.SubElement(case, "error", message=message).text = text
        case "fail":
            ET.SubElement(case, "failure", message=message).text = text
        case "unknown":
            ET.SubElement(case, "skipped", message=f"unknown: {message}")
            ET.SubElement(case, "system-out").text = text
        case _:
            ET.SubElement(case, "system-out").text = text
