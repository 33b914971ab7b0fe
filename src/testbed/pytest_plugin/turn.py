"""A session's turn: it waits until it holds the cluster, and holds it to its end.

It waits before a test begins to run, so that a test's own time limit (pytest-timeout) does not count the wait. Each
worker of pytest-xdist is a process and waits for its turn like any other.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testbed.cluster.lock import InUseError

# Every fixture that touches the cluster requests this one.
FIXTURE = "testbed_lock"
_TURN: pytest.StashKey[Turn] = pytest.StashKey()
_REFUSAL: pytest.StashKey[str] = pytest.StashKey()


class Turn:
    """What a session has of the cluster.

    Args:
        config: the session's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._held = ExitStack()
        self._holds = False
        self._patience: float = config.getoption("testbed_wait")

    def take(self) -> None:
        """Hold the cluster, and wait for it first while another process does; a second time does nothing.

        Raises:
            UsageError: the other process holds it still, or there is no checkout.
        """
        if self._holds:
            return
        from testbed import settings
        from testbed.cluster.lock import Use, hold

        begun = time.monotonic()
        try:
            self._held.enter_context(
                hold(
                    settings.load(), Use.EXCLUSIVE, command=self._command(), patience=self._patience, waiting=self._say
                )
            )
            self._holds = True
        finally:  # the patience is the whole session's: hundreds of tests do not wait hours each
            self._patience = max(0.0, self._patience - (time.monotonic() - begun))

    def end(self) -> None:
        """Let go of it."""
        self._held.close()
        self._holds = False

    def _command(self) -> str:
        words = " ".join(["pytest", *map(str, self._config.invocation_params.args)])
        worker = getattr(self._config, "workerinput", {}).get("workerid", "")
        return f"{words[:80]}{f' [{worker}]' if worker else ''}"

    def _say(self, refusal: InUseError) -> None:
        if reporter := self._config.pluginmanager.get_plugin("terminalreporter"):
            reporter.ensure_newline()
            reporter.write_line(f"testbed: waiting up to {self._patience:.0f} s for {refusal.holder}")
            reporter.flush()  # a pipe or a file would get the line when the wait is over


def take_turn(config: pytest.Config) -> None:
    """Have this session hold the cluster to its end.

    Raises:
        UsageError: another process holds it still, or there is no checkout.
    """
    config.stash.setdefault(_TURN, Turn(config)).take()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for the cluster before anything of the test begins, its time limit included."""
    from testbed.errors import UsageError

    if _uses_cluster(item):
        try:
            take_turn(item.config)
        except (UsageError, OSError) as error:
            item.stash[_REFUSAL] = str(error)
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose turn did not come."""
    if text := item.stash.get(_REFUSAL, ""):
        pytest.fail(text, pytrace=False)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let others have the cluster."""
    if turn := config.stash.get(_TURN, None):
        turn.end()


def _uses_cluster(item: pytest.Item) -> bool:
    from testbed.pytest_plugin.collect import IncidentItem

    return isinstance(item, IncidentItem) or FIXTURE in getattr(item, "fixturenames", ())
