"""The lock of a pytest session: the session waits until it holds the cluster, and holds the cluster to its end.

It waits before a test begins to run, so a test's own time limit (pytest-timeout) does not count the wait. Each worker
of pytest-xdist is a process of its own and waits for the others.
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
_LOCK: pytest.StashKey[SessionLock] = pytest.StashKey()
_REFUSAL: pytest.StashKey[str] = pytest.StashKey()


class SessionLock:
    """The lock that one session holds on the cluster."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._held = ExitStack()
        self._holds = False
        self._patience: float = config.getoption("testbed_wait")

    def acquire(self) -> None:
        """Wait until no other process holds the cluster, and hold it; a second call does nothing.

        Raises:
            UsageError: the other process still holds it, or there is no checkout.
        """
        if self._holds:
            return
        from testbed import settings
        from testbed.cluster.lock import Use, hold

        begun = time.monotonic()
        try:
            lock = hold(
                settings.load(), Use.EXCLUSIVE, command=self._command(), patience=self._patience,
                waiting=self._print_wait,
            )  # fmt: skip
            self._held.enter_context(lock)
            self._holds = True
        finally:  # the patience is the whole session's: hundreds of tests do not wait hours each
            self._patience = max(0.0, self._patience - (time.monotonic() - begun))

    def release(self) -> None:
        """Release the cluster."""
        self._held.close()
        self._holds = False

    def _command(self) -> str:
        arguments = " ".join(["pytest", *map(str, self._config.invocation_params.args)])
        worker = getattr(self._config, "workerinput", {}).get("workerid", "")
        return f"{arguments[:80]}{f' [{worker}]' if worker else ''}"

    def _print_wait(self, refusal: InUseError) -> None:
        if reporter := self._config.pluginmanager.get_plugin("terminalreporter"):
            reporter.ensure_newline()
            reporter.write_line(f"testbed: waiting up to {self._patience:.0f} s for {refusal.holder}")
            reporter.flush()  # a pipe or a file would get the line when the wait is over


def acquire_session_lock(config: pytest.Config) -> None:
    """Hold the cluster to the end of this session.

    Raises:
        UsageError: another process still holds it, or there is no checkout.
    """
    config.stash.setdefault(_LOCK, SessionLock(config)).acquire()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for the cluster before anything of the test begins, its time limit included."""
    from testbed.errors import UsageError

    if _uses_cluster(item):
        try:
            acquire_session_lock(item.config)
        except (UsageError, OSError) as error:
            item.stash[_REFUSAL] = str(error)
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose session did not get the cluster."""
    if text := item.stash.get(_REFUSAL, ""):
        pytest.fail(text, pytrace=False)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Release the cluster at the end of the session."""
    if lock := config.stash.get(_LOCK, None):
        lock.release()


def _uses_cluster(item: pytest.Item) -> bool:
    from testbed.pytest_plugin.incident_items import IncidentItem

    return isinstance(item, IncidentItem) or FIXTURE in getattr(item, "fixturenames", ())
