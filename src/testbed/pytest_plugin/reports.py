"""The report of a run, linked where a test is looked at: in its failure message and in JUnit."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

# Each test's runs; what is known of a test at its end is told with it.
FOLDERS: pytest.StashKey[list[Path]] = pytest.StashKey()
PROPERTY = "testbed-report"


def remember(item: pytest.Item, folder: Path) -> None:
    """Remember a run as one of this test's.

    Args:
        item: the test.
        folder: the run's.
    """
    item.stash.setdefault(FOLDERS, []).append(folder)
    item.user_properties.append((PROPERTY, str(folder / "report.html")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Add the reports of a test's runs to what pytest tells of a failure."""
    report = yield
    folders = item.stash.get(FOLDERS, [])
    if report.failed and folders:
        text = "\n".join(f"file://{(folder / 'report.html').resolve()}" for folder in folders)
        report.sections.append(("testbed: the run's report", text))
    return report
