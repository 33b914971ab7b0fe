"""Waiting: ends as soon as the condition holds or no longer can, and fails with the last state and a hint."""

from __future__ import annotations

import time

import pytest

from testbed.errors import TestbedError
from testbed.wait import FinalError, WaitTimeout, wait_until


def test_returns_what_the_condition_returned() -> None:
    answers = iter([None, "", "up"])
    assert wait_until(lambda: next(answers), 5, "it", interval=0) == "up"


def test_fails_with_last_state_and_hint() -> None:
    with pytest.raises(WaitTimeout, match="waited 0 s for the mount; last seen: not mounted; look at db1"):
        wait_until(lambda: False, 0, "the mount", describe=lambda: "not mounted", hint="look at db1")


def test_errors_of_the_asked_are_not_yet() -> None:
    def refused() -> bool:
        raise TestbedError("connection refused")

    with pytest.raises(WaitTimeout, match="last seen: connection refused"):
        wait_until(refused, 0.02, "a connection", interval=0.01)


def test_other_errors_are_mistakes_and_pass() -> None:
    def broken() -> bool:
        raise KeyError("typo")

    with pytest.raises(KeyError):
        wait_until(broken, 5, "it")


def test_gives_up_in_time() -> None:
    started = time.monotonic()
    with pytest.raises(WaitTimeout):
        wait_until(lambda: False, 0.1, "never", interval=0.02)
    assert time.monotonic() - started < 2


def test_ends_at_once_when_the_condition_can_no_longer_come_true() -> None:
    started = time.monotonic()
    with pytest.raises(FinalError, match=r"^db1 exited: no bootable device; `testbed logs db1`$"):
        wait_until(lambda: False, 60, "db1", fatal=lambda: "db1 exited: no bootable device", hint="`testbed logs db1`")
    assert time.monotonic() - started < 2


def test_a_condition_that_came_true_before_the_end_counts() -> None:
    answers = iter([False, True])
    assert wait_until(lambda: next(answers), 60, "its output", fatal=lambda: "it ended")


def test_waits_on_while_nothing_is_fatal() -> None:
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), 60, "it", interval=0, fatal=lambda: "")


def test_a_final_error_of_the_condition_ends_the_wait() -> None:
    def split() -> bool:
        raise FinalError("split brain")

    with pytest.raises(FinalError, match=r"^split brain$"):
        wait_until(split, 60, "a healthy cluster")


def test_an_error_of_the_fatal_condition_is_no_reason_to_give_up() -> None:
    def engine_is_busy() -> str:
        raise OSError("no answer")

    with pytest.raises(WaitTimeout):
        wait_until(lambda: False, 0, "it", fatal=engine_is_busy)
