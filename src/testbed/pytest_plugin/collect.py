"""Incident files as tests: each `*.yaml` in a folder of incidents is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.pytest_plugin.reports import remember


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect incident files, and no other YAML of a project."""
    folders = parent.config.getini("testbed_scenarios")
    if file_path.suffix == ".yaml" and file_path.parent.name in folders:
        return IncidentFile.from_parent(parent, path=file_path)
    return None


class IncidentFile(pytest.File):
    """A file that holds one incident."""

    def collect(self) -> Iterator[pytest.Item]:
        """The incident."""
        yield Incident.from_parent(self, name=self.path.stem)


class IncidentFailed(Exception):
    """The run's verdict is not what it should be; the message is for people."""


class Incident(pytest.Item):
    """An incident, played on the cluster that is up."""

    def runtest(self) -> None:
        """Play it; the test passes when every check holds, and is skipped where the profile is another one."""
        from testbed.pytest_plugin.bed import running, told
        from testbed.scenarios import load
        from testbed.scenarios.checked import checked
        from testbed.scenarios.runner import play_all

        config = self.config
        wanted = load(self.path).cluster.profile  # a mistake in the file is told although no cluster is up
        cluster = running()
        if wanted not in (None, cluster.topology.profile):
            pytest.skip(f"it is played under the profile {wanted}, and this cluster is {cluster.topology.profile}")
        results = play_all(
            cluster, checked(self.path, cluster.settings), begun=lambda folder: remember(self, folder),
            seed=config.getoption("testbed_seed"), repeat=config.getoption("testbed_repeat"),
            keep=config.getoption("testbed_keep"),
        )  # fmt: skip
        for result in results:
            if text := told(result):
                raise IncidentFailed(text)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """One paragraph, not a traceback: what failed is the cluster."""
        from testbed.errors import TestbedError

        if excinfo.errisinstance((IncidentFailed, TestbedError)):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where pytest says it stands."""
        return self.path, 0, f"incident {self.name}"
