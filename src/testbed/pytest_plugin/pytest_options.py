"""The plugin's options on pytest's command line, and its settings in pytest's configuration."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentTypeError

import pytest

from testbed.durations import parse_long_duration
from testbed.pytest_plugin.report_links import SuiteProperties

SETTING = "testbed_incidents"
RENAMED_SETTING = "testbed_scenarios"
# Longer than the longest session of testbed's own tests.
WAIT = "2h"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and settings."""
    group = parser.getgroup("testbed", "testbed: failover tests on a real cluster")
    group.addoption(
        "--testbed-seed", type=int, default=None, help="seed of the random choices, over the incident's own"
    )
    group.addoption("--testbed-repeat", type=int, default=None, help="repeat each incident so many times")
    group.addoption("--testbed-no-heal", action="store_true", help="leave the cluster as the last step left it")
    group.addoption("--testbed-keep", action="store_true", help=SUPPRESS)  # refused
    group.addoption(
        "--testbed-wait", type=_wait_seconds, default=WAIT, metavar="DURATION",
        help="how long a session waits in all while others hold the cluster, such as 10m (%(default)s)",
    )  # fmt: skip
    parser.addini(
        SETTING, "incident files, or folders of them, to collect as tests; relative to the root folder", type="args",
        default=[],
    )  # fmt: skip
    parser.addini(RENAMED_SETTING, f"the former name of {SETTING}: refused", type="args", default=[])


def _wait_seconds(text: str) -> float:
    """Return the seconds of ``--testbed-wait``; argparse prints the reason of an invalid one."""
    try:
        return parse_long_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def configure_plugin(config: pytest.Config) -> None:
    """Register the marker, and the links to reports in JUnit's XML.

    Raises:
        pytest.UsageError: an option or setting has its former name.
    """
    if config.getoption("testbed_keep"):
        raise pytest.UsageError("--testbed-keep was renamed; write --testbed-no-heal")
    if config.getini(RENAMED_SETTING):
        raise pytest.UsageError(f"{RENAMED_SETTING} was renamed; write {SETTING}")
    config.pluginmanager.register(SuiteProperties(config), "testbed-suite-properties")
    config.addinivalue_line(
        "markers",
        "incident(name, repeat=None, seed=None): play an incident file before the test, which gets `testbed_played`",
    )
