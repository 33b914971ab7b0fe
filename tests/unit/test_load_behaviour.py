"""Who the users are and what they do."""

from __future__ import annotations

import random
from collections import Counter

import pytest

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


@pytest.mark.parametrize("text", ['{"read": 1, "find contact": 3}', "find contact=3,read = 1"])
def test_only_the_actions_that_are_named_are_done(text: str) -> None:
    chance = random.Random(1)  # noqa: S311
    table = behaviour.chosen(text)
    counts = Counter(behaviour.next_action(chance, table).name for _ in range(4_000))
    assert set(counts) == {"read", "find contact"}
    assert 0.72 < counts["find contact"] / 4_000 < 0.78
    assert {action.name: action.think for action in table}["read"] == (5.0, 20.0)


def test_no_choice_is_the_whole_table() -> None:
    assert behaviour.chosen("") is behaviour.TABLE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reed=1", "no action 'reed': the actions are inbox, read, "),
        ("read=0", "read: the weight 0 is no"),
        ("read", "read: the weight '' is no"),
        ('{"read": 1.5}', "read: the weight 1.5 is no"),
        ('{"read": true}', "read: the weight True is no"),
        ("{}", "no action is named"),
        ("{read}", "Expecting property name"),
    ],
)
def test_a_wrong_choice_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        behaviour.chosen(text)


def test_thinking_is_scaled() -> None:
    chance = random.Random(1)  # noqa: S311
    for action in behaviour.TABLE:
        low, high = action.think
        assert 0 < low < high
        assert low * 0.1 <= behaviour.between(chance, action.think, 0.1) <= high * 0.1
