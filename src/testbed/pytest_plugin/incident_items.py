"""Incident files as tests: each `*.yaml` or `*.yml` that the setting names, itself or by a folder above it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.incident_files import SUFFIXES, incident_files
from testbed.pytest_plugin.pytest_options import SETTING
from testbed.pytest_plugin.report_links import add_report_link


def warn_of_empty_settings(config: pytest.Config) -> None:
    """Warn of each entry of the setting that collects nothing: its incidents would be missed silently."""
    if hasattr(config, "workerinput"):  # one of pytest-xdist's workers: the controller has warned
        return
    for entry in config.getini(SETTING):
        path = config.rootpath / entry
        if next(incident_files(path), None) is None:
            reason = (
                f"no {' or '.join(f'*{suffix}' for suffix in SUFFIXES)} is in it" if path.exists() else "no such path"
            )
            text = f"{SETTING} = {entry!r} collects nothing: {reason}; name a file or folder below {config.rootpath}"
            try:
                config.issue_config_time_warning(pytest.PytestConfigWarning(text), stacklevel=2)
            except pytest.PytestConfigWarning:  # the project makes errors of warnings
                raise pytest.UsageError(text) from None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the incident files that the setting names, and no other YAML file."""
    named = (parent.config.rootpath / entry for entry in parent.config.getini(SETTING))
    if file_path.suffix in SUFFIXES and any(file_path.is_relative_to(path) for path in named):
        return IncidentFile.from_parent(parent, path=file_path)
    return None


class IncidentFile(pytest.File):
    """A file that holds one incident."""

    def collect(self) -> Iterator[pytest.Item]:
        """Return the one incident of the file."""
        yield IncidentItem.from_parent(self, name=self.path.stem)


class IncidentFailed(Exception):
    """The run does not pass; the message says why."""


class IncidentItem(pytest.Item):
    """An incident, played on the cluster that is up."""

    def runtest(self) -> None:
        """Play the incident. The test passes when every check holds, and is skipped under another profile."""
        from testbed.incidents import load
        from testbed.incidents.cluster_loader import load_for_cluster
        from testbed.incidents.runner import play_repeats
        from testbed.pytest_plugin.cluster_under_test import format_failure, require_cluster

        config = self.config
        wanted = load(self.path).cluster.profile  # reports a mistake in the file even if no cluster is up
        cluster = require_cluster()
        if wanted not in (None, cluster.topology.profile):
            pytest.skip(
                f"the incident needs the profile {wanted}, and this cluster has the profile {cluster.topology.profile}"
            )
        results = list(play_repeats(
            cluster, load_for_cluster(self.path, cluster.settings),
            on_begin=lambda folder: add_report_link(self, folder),
            seed=config.getoption("testbed_seed"), repeat=config.getoption("testbed_repeat"),
            keep=config.getoption("testbed_no_heal"),
        ))  # fmt: skip
        for result in results:
            if text := format_failure(result):
                raise IncidentFailed(text)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Return one paragraph instead of a traceback, because the cluster failed and not the code."""
        from testbed.errors import TestbedError

        if excinfo.errisinstance((IncidentFailed, TestbedError)):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the file and the name that pytest prints."""
        return self.path, 0, f"incident {self.name}"
