"""What webmail users do: how often, and how long they think afterwards. One table, to be changed here.

The shape follows what is known of campus webmail: reading dominates, one in several visits writes, settings
are rare, and people stay for some twenty actions.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Action:
    """Something a user does.

    Args:
        name: as statistics and the journal call it.
        weight: how often, in proportion to the others.
        think: shortest and longest time in seconds before the next action.
    """

    name: str
    weight: int
    think: tuple[float, float]


#                 name       weight   think, s
TABLE = (
    Action("inbox",           30, (2.0, 8.0)),
    Action("read",            40, (5.0, 20.0)),
    Action("write",           12, (5.0, 15.0)),
    Action("find contact",     8, (2.0, 8.0)),
    Action("add contact",      3, (3.0, 10.0)),
    Action("vacation",         2, (3.0, 10.0)),
    Action("log out",          5, (5.0, 20.0)),
)  # fmt: skip
# Writing is two requests, with the time between them that it takes to write.
TYPING = (8.0, 30.0)
# After the login, and after anything that failed.
SETTLING = (1.0, 4.0)

SUBJECTS = ("Meeting on Thursday", "Notes from the seminar", "Draft of the report", "Library books", "Lunch?")
SENTENCES = (
    "Could you have a look at this before the weekend?",
    "The room is booked from two to four.",
    "I have put the slides into the shared folder.",
    "Thanks for your comments, they helped a lot.",
    "Please bring the printed copies.",
    "The second figure still needs a caption.",
)
FIRST_NAMES = ("Ada", "Barbara", "Edsger", "Frances", "Grace", "John", "Ken", "Margaret")
LAST_NAMES = ("Allen", "Dijkstra", "Hamilton", "Hopper", "Liskov", "Lovelace", "McCarthy", "Thompson")


def chosen(text: str) -> tuple[Action, ...]:
    """The table with other weights; actions that are not named are not done.

    Args:
        text: a JSON object of weights by name, or ``read=40, find contact=8``; empty for the default table.

    Raises:
        ValueError: it is neither, or names no action, or a weight is not an integer from 1 on.
    """
    if not text.strip():
        return TABLE
    names = [action.name for action in TABLE]
    weights: dict[str, int] = {}
    for name, weight in _weights(text).items():
        if name not in names:
            raise ValueError(f"no action {name!r}: the actions are {', '.join(names)}")
        if not isinstance(weight, int) or isinstance(weight, bool) or weight < 1:
            raise ValueError(f"{name}: the weight {weight!r} is not an integer from 1 on")
        weights[name] = weight
    if not weights:
        raise ValueError("no action is named: leave --actions out for all of them")
    return tuple(replace(action, weight=weights[action.name]) for action in TABLE if action.name in weights)


def _weights(text: str) -> dict[str, object]:
    if text.lstrip().startswith("{"):
        found: dict[str, object] = json.loads(text)
        return found
    pairs = (each.partition("=") for each in text.split(",") if each.strip())
    return {name.strip(): int(weight) if weight.strip().isdigit() else weight.strip() for name, _, weight in pairs}


def next_action(chance: random.Random, table: Sequence[Action] = TABLE) -> Action:
    """Pick what a user does next."""
    return chance.choices(table, [action.weight for action in table])[0]


def between(chance: random.Random, limits: tuple[float, float], scale: float) -> float:
    """A time in seconds between the limits, scaled."""
    return chance.uniform(*limits) * scale


def letter(chance: random.Random) -> tuple[str, str]:
    """A message: its subject and its text."""
    lines = [chance.choice(SENTENCES) for _ in range(chance.randint(2, 8))]
    return chance.choice(SUBJECTS), "\n\n".join(["Hello,", *lines, "Best wishes"])
