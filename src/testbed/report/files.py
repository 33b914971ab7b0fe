"""Reporting a run: the journal read once, judged, and written up in three files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from testbed.errors import UsageError
from testbed.journal import read
from testbed.record_file import replace_file
from testbed.report.analysis import RunAnalysis
from testbed.report.junit import junit
from testbed.report.run_folders import JOURNAL, PAGE
from testbed.report.run_page import render
from testbed.report.summary import FILE, Summary, load_summary, runs_of_series

JUNIT, VERSIONS = "junit.xml", "versions.json"


def write_report(folder: Path) -> Summary:
    """Judge the run in ``folder`` and write ``report.html``, ``junit.xml`` and ``summary.json`` into it.

    What is written depends on nothing but the journal, ``versions.json`` if it is there, and the summaries of the
    series' other runs beside it.

    Raises:
        UsageError: there is no journal, or none that can be read.
        OSError: the files cannot be written.
    """
    analysis = analyze_run(folder)
    summary = analysis.summary(folder.resolve().name)
    versions = _versions(folder / VERSIONS)
    replace_file(folder / PAGE, render(analysis, summary, runs_of_series(folder, summary), versions))
    replace_file(folder / JUNIT, junit(summary, list(analysis.verdicts), analysis.axis).decode())
    replace_file(folder / FILE, json.dumps(summary.model_dump(), indent=2, ensure_ascii=False) + "\n")
    return summary


def summarize(folder: Path) -> Summary:
    """The run in figures, from ``summary.json`` or, if it has none yet, from its journal; nothing is written.

    Raises:
        UsageError: there is no journal, or none that can be read.
    """
    return load_summary(folder) or analyze_run(folder).summary(folder.resolve().name)


def analyze_run(folder: Path) -> RunAnalysis:
    """What a run's journal says.

    Raises:
        UsageError: there is no journal, or none that can be read.
    """
    path = folder / JOURNAL
    if not path.is_file():
        raise UsageError(f"no {JOURNAL} in it", where=str(folder), fix="name a run's folder; `testbed runs` lists them")
    return RunAnalysis.of(read(path))


def _versions(path: Path) -> dict[str, Any]:
    """Return the versions of what ran; empty if the file is not a JSON object."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
