"""The loop of a series: one trial after the other, until all have a result.

It plays nothing itself: a ``SeriesPlayer`` does. What was played before is in the store, so an interrupted series
goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from testbed.errors import TestbedError, UsageError
from testbed.trials.trial_store import ERROR, Trial, TrialStore

# So many trials in a row that testbed could not finish: the next one would not be different.
MOST_ERRORS = 3
# What must be free on the disk besides the next trial.
RESERVE_BYTES = 500_000_000


class SeriesPlayer(Protocol):
    """Plays one trial, and repairs the cluster after one that broke."""

    def __call__(self, number: int) -> Trial:
        """Play a trial; an error of testbed itself is in what it returns."""

    def repair(self) -> str:
        """Make the cluster healthy; returns what that took, empty if nothing.

        Raises:
            TestbedError: it does not become healthy.
        """


class SeriesWatcher(Protocol):
    """Follows a series."""

    def begins(self, number: int) -> None:
        """A trial begins."""

    def ends(self, trial: Trial) -> None:
        """A trial has ended, and is kept."""


def play_series(store: TrialStore, player: SeriesPlayer, watch: SeriesWatcher, free_bytes: Callable[[], int]) -> None:
    """Play the trials that have no result yet.

    Args:
        store: what was played so far; every trial is kept in it.
        player: plays them.
        watch: called for each trial.
        free_bytes: how much room the disk has.

    Raises:
        TestbedError: too many trials in a row could not be finished, or the disk is nearly full.
        UsageError: the first trial could not begin; nothing was started.
    """
    go_on = f"`testbed run --resume {store.name}` plays the trials that are left"
    errors = 0
    for place, number in enumerate(store.missing()):
        _must_have_room(store, free_bytes(), go_on)
        watch.begins(number)
        try:
            trial = player(number)
        except UsageError as error:
            if not place:
                raise
            raise TestbedError(error.what, where=error.where, fix=f"{error.fix}; {go_on}") from None
        if trial.verdict == ERROR:
            errors += 1
            trial = trial.model_copy(update={"repair": _repaired(player)})
        else:
            errors = 0
        store.add(trial)
        watch.ends(trial)
        if errors >= MOST_ERRORS:
            raise TestbedError(
                f"testbed could not finish {errors} trials in a row, the last because of: {trial.error}",
                where=store.name,
                fix=f"see `testbed status` and `testbed doctor`; `testbed up` repairs the cluster; then {go_on}",
            )


def _repaired(player: SeriesPlayer) -> str:
    try:
        return player.repair()
    except TestbedError as error:
        return f"not repaired: {error}"


def _must_have_room(store: TrialStore, free: int, go_on: str) -> None:
    """Refuse to begin a trial that may fill the disk: a full disk also stops the nodes.

    Raises:
        TestbedError: there is not enough room.
    """
    largest = max((trial.size for trial in store.trials), default=0)
    if free < largest + RESERVE_BYTES:
        raise TestbedError(
            f"the disk has {free / 1e6:.0f} MB free, and a trial needs {(largest + RESERVE_BYTES) / 1e6:.0f} MB",
            where=store.name,
            fix=f"free some, such as by `testbed runs rm --passed --yes`; then {go_on}",
        )
