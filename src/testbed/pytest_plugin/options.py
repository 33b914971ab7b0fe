"""What can be set: on pytest's command line and in its configuration."""

from __future__ import annotations

import pytest

from testbed.pytest_plugin.reports import SuiteProperties

SETTING = "testbed_incidents"
FORMER_SETTING = "testbed_scenarios"
# Longer than the longest session of testbed's own tests.
WAIT_SECONDS = 7200.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the testbed."""
    group = parser.getgroup("testbed", "testbed: failover tests on a real cluster")
    group.addoption(
        "--testbed-seed", type=int, default=None, help="seed of the random choices, over the incident's own"
    )
    group.addoption("--testbed-repeat", type=int, default=None, help="repeat each incident so many times")
    group.addoption("--testbed-keep", action="store_true", help="leave the cluster as the last step left it")
    group.addoption(
        "--testbed-wait", type=float, default=WAIT_SECONDS, metavar="SECONDS",
        help="how long a session waits in all while others hold the cluster (%(default)g)",
    )  # fmt: skip
    parser.addini(
        SETTING, "incident files, or folders of them, to collect as tests; relative to the root folder", type="args",
        default=[],
    )  # fmt: skip
    parser.addini(FORMER_SETTING, f"the former name of {SETTING}: refused", type="args", default=[])


def configure(config: pytest.Config) -> None:
    """Make the marker known, and have JUnit's XML link the reports.

    Raises:
        pytest.UsageError: the configuration has the setting's former name, whose incidents would be missed unseen.
    """
    if config.getini(FORMER_SETTING):
        raise pytest.UsageError(f"{FORMER_SETTING} was renamed; write {SETTING}")
    config.pluginmanager.register(SuiteProperties(config), "testbed-suite-properties")
    config.addinivalue_line(
        "markers", "incident(name, repeat=None, seed=None): play an incident file before the test, which gets `played`"
    )
