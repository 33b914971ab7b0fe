"""Shrinking a sequence that fails, with oracles that always, often and seldom fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from testbed.hunt.sequence import Steps, format_steps, heal_step, inject_step, sleep_step, steps_key
from testbed.hunt.shrink import Shrinker, passes_needed

A = inject_step("power-loss", "db:primary", {}, "first")
B = inject_step("freeze", "lb:active", {}, "second")
C = inject_step("silent-cut", "db:standby", {"network": "replication"}, "third")
D = inject_step("reboot", "app:any", {}, "fourth")
FULL: Steps = (
    A,
    sleep_step(6.4),
    B,
    sleep_step(2),
    heal_step("first"),
    sleep_step(18),
    C,
    D,
    sleep_step(3),
    heal_step("third"),
    sleep_step(4),
)

Oracle = Callable[[Steps], bool]


def has(*wanted: object) -> Oracle:
    return lambda steps: all(each in steps for each in wanted)


def shrink(oracle: Oracle, steps: Steps = FULL, limit: int = 500) -> tuple[Steps, int]:
    found = Shrinker(oracle, limit).shrink(steps)
    return found.steps, found.plays


@pytest.mark.parametrize(
    ("oracle", "smallest"),
    [
        (has(A), "power-loss db:primary"),
        (has(C), "silent-cut db:standby replication"),
        (has(A, C), "power-loss db:primary, silent-cut db:standby replication"),
        (has(A, heal_step("first")), "power-loss db:primary, heal first"),
        (
            has(A, B, C, D),
            "power-loss db:primary, freeze lb:active, silent-cut db:standby replication, reboot app:any",
        ),
    ],
)
def test_the_smallest_sequence_is_found(oracle: Oracle, smallest: str) -> None:
    steps, _ = shrink(oracle)
    assert format_steps(steps) == smallest


def test_waits_that_matter_are_kept_and_made_shorter() -> None:
    def needs_time(steps: Steps) -> bool:
        if A not in steps or C not in steps:
            return False
        between = steps[steps.index(A) : steps.index(C)]
        return sum(step.sleep or 0 for step in between) >= 5

    steps, _ = shrink(needs_time)
    assert [step.action for step in steps if step.action] == ["power-loss", "silent-cut"]
    total = sum(step.sleep or 0 for step in steps)
    assert 5 <= total < 10
    assert needs_time(steps)


@pytest.mark.parametrize("seed", range(30))
def test_a_flaky_failure_is_shrunk_to_the_smallest(seed: int) -> None:
    chance = Random(seed)  # noqa: S311
    exact = has(A, C)
    found = Shrinker(lambda steps: exact(steps) and chance.random() < 0.8, 500).shrink(FULL)
    if found.reproduced:  # once in a thousand times it does not fail twice in six plays
        assert exact(found.steps)
        assert found.failed < found.played or found.failed >= 2
    assert found.reproduced
    faults = [step.action for step in found.steps if step.action]
    assert len(faults) <= 3


def test_most_flaky_failures_are_shrunk_to_two_faults() -> None:
    sizes: Counter[int] = Counter()
    for seed in range(100):
        chance = Random(seed)  # noqa: S311
        exact = has(A, C)
        found = Shrinker(lambda steps, c=chance, e=exact: e(steps) and c.random() < 0.7, 500).shrink(FULL)  # type: ignore[misc]
        sizes[sum(bool(step.action) for step in found.steps)] += 1
    assert sizes[2] >= 80
    assert sizes[0] == sizes[1] == 0


def test_one_chance_failure_does_not_make_a_sequence_smaller() -> None:
    """A candidate that fails once, and never again, does not count as a smaller form of the failure."""
    seen: Counter[str] = Counter()

    def oracle(steps: Steps) -> bool:
        seen[steps_key(steps)] += 1
        return has(A, B, C, D)(steps) or seen[steps_key(steps)] == 1

    steps, _ = shrink(oracle)
    assert all(each in steps for each in (A, B, C, D))


def test_a_failure_that_does_not_come_again_is_left_as_it_is() -> None:
    asked: list[Steps] = []

    def oracle(steps: Steps) -> bool:
        asked.append(steps)
        return False

    found = Shrinker(oracle, 40).shrink(FULL)
    assert found.steps == FULL
    assert not found.reproduced
    assert (found.failed, found.played, found.plays) == (1, 6, 5)
    assert len(asked) == 5


def test_a_play_that_could_not_be_judged_is_no_pass() -> None:
    asked: Counter[str] = Counter()

    def oracle(steps: Steps) -> bool | None:
        asked[steps_key(steps)] += 1
        return None if asked[steps_key(steps)] <= 3 else has(A, C)(steps)

    found = Shrinker(oracle, 500).shrink(FULL)
    assert format_steps(found.steps) == "power-loss db:primary, silent-cut db:standby replication"
    assert (found.failed, found.played) == (2, 2)


def test_a_sequence_that_is_never_judged_is_given_up() -> None:
    found = Shrinker(lambda steps: True if steps == FULL else None, 500).shrink(FULL)
    assert found.steps == FULL
    assert found.complete
    alone = Shrinker(lambda _: None, 500).shrink(FULL)
    assert (alone.failed, alone.played, alone.plays) == (1, 1, 5)


def test_the_limit_of_plays_holds_and_the_best_so_far_is_kept() -> None:
    for limit in range(1, 40):
        found = Shrinker(has(A), limit).shrink(FULL)
        assert found.plays <= limit
        assert A in found.steps
    assert not Shrinker(has(A), 3).shrink(FULL).complete
    assert Shrinker(has(A), 500).shrink(FULL).complete
    assert len(Shrinker(has(A), 6).shrink(FULL).steps) < len(FULL)


def test_a_decided_sequence_is_not_asked_again() -> None:
    asked: Counter[str] = Counter()

    def oracle(steps: Steps) -> bool:
        asked[steps_key(steps)] += 1
        return has(A, C)(steps)

    shrink(oracle)
    assert max(asked.values()) <= 5


def test_how_many_passes_prove_something() -> None:
    assert passes_needed(2, 2) == 2
    assert passes_needed(2, 4) == 4
    assert passes_needed(2, 6) == 5
    assert passes_needed(20, 20) == 2
