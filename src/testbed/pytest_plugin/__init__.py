"""The pytest plugin: a healthy cluster, a load, probes and a journal as fixtures, and incident files as tests.

    def test_the_site_survives_its_database(testbed, testbed_load, testbed_probes, testbed_journal):
        testbed_load(users=6)
        testbed_probes("https", "sql-write")
        testbed.steady()
        testbed.inject("power-loss", "db:primary")
        testbed.wait("service", stable_for=2)
        testbed.heal()
        assert testbed_journal.outage("sql-write") < 30
        assert testbed_journal.lost_writes() == []

It is loaded with every run of pytest, so it imports the testbed itself only where it is asked for.
"""

import pytest

from testbed.pytest_plugin.fixtures import (
    testbed,
    testbed_cluster,
    testbed_journal,
    testbed_load,
    testbed_lock,
    testbed_played,
    testbed_probes,
)
from testbed.pytest_plugin.incident_items import pytest_collect_file, warn_of_empty_settings
from testbed.pytest_plugin.pytest_options import configure_plugin, pytest_addoption
from testbed.pytest_plugin.report_links import pytest_runtest_makereport
from testbed.pytest_plugin.session_lock import pytest_runtest_protocol, pytest_runtest_setup, pytest_unconfigure

__all__ = [
    "pytest_addoption",
    "pytest_collect_file",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_unconfigure",
    "testbed",
    "testbed_cluster",
    "testbed_journal",
    "testbed_load",
    "testbed_lock",
    "testbed_played",
    "testbed_probes",
]


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the options, and warn of a setting that collects nothing."""
    configure_plugin(config)
    warn_of_empty_settings(config)
