"""Links to the reports of a test's runs, in its failure message and in JUnit's XML."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

# The folders of each test's runs.
FOLDERS: pytest.StashKey[list[Path]] = pytest.StashKey()
PROPERTY = "testbed-report"


def add_report_link(item: pytest.Item, folder: Path) -> None:
    """Link the report of a run, which has this folder, to a test."""
    item.stash.setdefault(FOLDERS, []).append(folder)
    item.user_properties.append((PROPERTY, str(folder / "report.html")))


class SuiteProperties:
    """Moves the links to reports from the test cases of ``--junitxml`` to its test suite.

    The schema of Jenkins' xUnit plugin (junit-10.xsd) allows properties there only; pytest's own properties of a test
    case are refused by parsers that validate. With pytest-xdist this runs in the controller, which writes the file.

    Args:
        config: of the pytest process.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the links out of the test's report before pytest writes it."""
        links = [str(value) for name, value in report.user_properties if name == PROPERTY]
        add = self._add_property()
        if not links or add is None:
            return
        report.user_properties = [each for each in report.user_properties if each[0] != PROPERTY]
        if report.when == "teardown":
            for link in links:
                add(f"{PROPERTY}:{report.nodeid}", link)

    def _add_property(self) -> Callable[[str, object], None] | None:
        """Return the function that adds a property to the suite; None without ``--junitxml``."""
        plugins = self._config.pluginmanager.get_plugins()
        return next((each.add_global_property for each in plugins if hasattr(each, "add_global_property")), None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Add the reports of a test's runs to pytest's failure message."""
    report = yield
    folders = item.stash.get(FOLDERS, [])
    if report.failed and folders:
        text = "\n".join(f"file://{(folder / 'report.html').resolve()}" for folder in folders)
        report.sections.append(("testbed: the run's report", text))
    return report
