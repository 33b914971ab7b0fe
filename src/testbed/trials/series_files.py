"""The three files that report a series: a page for people, JSON for programs, JUnit for CI servers."""

from __future__ import annotations

import json
from pathlib import Path

from testbed.record_file import replace_file
from testbed.trials import series_figures, series_page
from testbed.trials.series_junit import junit
from testbed.trials.trial_store import JUNIT, SUMMARY, TrialStore


def write_series(store: TrialStore) -> Path:
    """Write all three from the folder of the series alone, and return the path of the page."""
    replace_file(
        store.folder / SUMMARY, json.dumps(series_figures.document(store), indent=2, ensure_ascii=False) + "\n"
    )
    replace_file(store.folder / JUNIT, junit(store).decode())
    return series_page.write_series_page(store)
