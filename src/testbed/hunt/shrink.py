"""Shrinks a sequence that fails: as few steps and as short waits as still show the same failure. Pure.

Delta debugging (Zeller and Hildebrandt, IEEE Trans. Softw. Eng. 28, 2002) over the steps, first the faults with their
heals, then single heals and waits. Then the waits are shortened, as Hypothesis lowers values. This is repeated until
nothing changes. A cluster is not a pure function, so one answer proves little. A smaller sequence is taken when it has
failed ``FAILURES`` times. It is given up when it has passed so often that this had at most the probability ``DOUBT``
if it failed as often as the sequence it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil, log

from testbed.hunt.sequence import Steps, remove_steps, sleep_step, steps_key, tidy_steps

FAILURES = 2
DOUBT = 0.1
PASSES = (2, 5)
SHORTEST = 1.0
ROUNDS = 10

Fails = Callable[[Steps], bool | None]
"""Plays a sequence once: whether it failed in the way that is looked for, None when that could not be judged."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What shrinking came to.

    Attributes:
        steps: the smallest sequence found.
        failed: how often that one failed.
        played: how often it was played and judged.
        plays: how many plays the shrinking took.
        complete: whether it came to its end within its limit.
    """

    steps: Steps
    failed: int
    played: int
    plays: int
    complete: bool

    @property
    def reproduced(self) -> bool:
        """Whether the failure was seen more than once."""
        return self.failed >= FAILURES


class OutOfPlays(Exception):
    """The limit of plays is reached."""


class Shrinker:
    """Finds a smaller sequence that fails too.

    Args:
        fails: plays a sequence once, and judges it.
        limit: how many times it may be asked.
    """

    def __init__(self, fails: Fails, limit: int) -> None:
        self._fails = fails
        self._limit = limit
        self._plays = 0
        self._tallies: dict[str, list[int]] = {}  # by sequence: failures, plays
        self._settled: dict[str, bool] = {}

    def shrink(self, steps: Steps) -> Shrunk:
        """Shrink a sequence that has failed once.

        Args:
            steps: the sequence.
        """
        best = tidy_steps(steps)
        self._tallies[steps_key(best)] = [1, 1]
        complete = True
        try:
            if self._is_sure(best, PASSES[1]):
                for _ in range(ROUNDS):
                    before, best = steps_key(best), self._round(best)
                    if steps_key(best) == before:
                        break
        except OutOfPlays as out:
            best = out.args[0] if out.args else best
            complete = False
        failed, played = self._tallies[steps_key(best)]
        return Shrunk(best, failed, played, self._plays, complete)

    def _round(self, best: Steps) -> Steps:
        """Each pass once, over what the pass before left."""
        for propose in (_fewer_faults, _fewer_steps, _shorter_waits):
            best = self._exhaust(best, propose)
        return best

    def _exhaust(self, best: Steps, propose: Callable[[Steps], Iterable[Steps]]) -> Steps:
        """Take the first proposal that fails, and propose again from it, until none does."""
        while True:
            try:
                smaller = next((each for each in propose(best) if self._still_fails(each, best)), None)
            except OutOfPlays:
                raise OutOfPlays(best) from None
            if smaller is None:
                return best
            best = smaller

    def _still_fails(self, candidate: Steps, best: Steps) -> bool:
        if not any(step.action for step in candidate) or steps_key(candidate) == steps_key(best):
            return False
        if steps_key(candidate) not in self._settled:
            failed, played = self._tallies[steps_key(best)]
            self._settled[steps_key(candidate)] = self._is_sure(candidate, passes_needed(failed, played))
        return self._settled[steps_key(candidate)]

    def _is_sure(self, steps: Steps, passes: int) -> bool:
        """Play it until it has failed often enough, or passed often enough.

        A play that could not be judged does not count as a pass. A sequence that is often not judged is given up, too.
        """
        tally = self._tallies.setdefault(steps_key(steps), [0, 0])
        unknown = 0
        while tally[0] < FAILURES:
            if tally[1] - tally[0] >= passes or unknown >= PASSES[1]:
                return False
            if self._plays >= self._limit:
                raise OutOfPlays
            self._plays += 1
            failed = self._fails(steps)
            if failed is None:
                unknown += 1
            else:
                tally[0] += failed
                tally[1] += 1
        return True


def passes_needed(failed: int, played: int) -> int:
    """How many passes show that a sequence does not fail as often as one that failed ``failed`` of ``played`` times."""
    rate = (failed + 1) / (played + 2)  # Laplace's rule of succession
    return min(max(ceil(log(DOUBT) / log(1 - rate)), PASSES[0]), PASSES[1])


def _fewer_faults(steps: Steps) -> Iterator[Steps]:
    """Without some of the faults, the largest share first."""
    return _chunks_removed(steps, [place for place, step in enumerate(steps) if step.action])


def _fewer_steps(steps: Steps) -> Iterator[Steps]:
    """Without some of the heals and waits, the largest share first."""
    return _chunks_removed(steps, [place for place, step in enumerate(steps) if not step.action])


def _chunks_removed(steps: Steps, places: list[int]) -> Iterator[Steps]:
    size = len(places)
    while size:
        for begin in range(0, len(places), size):
            yield remove_steps(steps, set(places[begin : begin + size]))
        size //= 2


def _shorter_waits(steps: Steps) -> Iterator[Steps]:
    """With all waits as short as can be; with one as short as can be, or half as long."""
    yield tuple(sleep_step(SHORTEST) if (step.sleep or 0) > SHORTEST else step for step in steps)
    for place, step in enumerate(steps):
        if step.sleep is None or step.sleep <= SHORTEST:
            continue
        for seconds in dict.fromkeys((SHORTEST, max(SHORTEST, round(step.sleep / 2, 1)))):
            if seconds < step.sleep:
                yield (*steps[:place], sleep_step(seconds), *steps[place + 1 :])
