"""Who the users are and what they do."""

from __future__ import annotations

import random
from collections import Counter

import accounts
import behaviour


def test_each_user_has_an_account_of_their_own() -> None:
    pool = accounts.Accounts(3)
    assert [pool.take() for _ in range(3)] == [1, 2, 3]
    pool.give_back(2)
    assert pool.take() == 2


def test_accounts_are_shared_evenly_when_there_are_too_few() -> None:
    pool = accounts.Accounts(2)
    assert [pool.take() for _ in range(5)] == [1, 2, 1, 2, 1]


def test_names() -> None:
    assert accounts.name(7) == "user07"
    assert accounts.address(60) == "user60@testbed.test"
    assert accounts.others(2, 3) == [1, 3]
    assert accounts.others(1, 1) == [1]


def test_the_same_seed_does_the_same() -> None:
    def story(seed: str) -> list[str]:
        chance = random.Random(seed)  # noqa: S311 - a seed is what we want
        return [behaviour.next_action(chance).name + behaviour.letter(chance)[1] for _ in range(50)]

    assert story("2006/1") == story("2006/1")
    assert story("2006/1") != story("2006/2")


def test_actions_come_as_often_as_they_weigh() -> None:
    chance = random.Random(1)  # noqa: S311
    counts = Counter(behaviour.next_action(chance).name for _ in range(10_000))
    total = sum(action.weight for action in behaviour.TABLE)
    for action in behaviour.TABLE:
        assert abs(counts[action.name] / 10_000 - action.weight / total) < 0.02


def test_thinking_is_scaled() -> None:
    chance = random.Random(1)  # noqa: S311
    for action in behaviour.TABLE:
        low, high = action.think
        assert 0 < low < high
        assert low * 0.1 <= behaviour.between(chance, action.think, 0.1) <= high * 0.1
