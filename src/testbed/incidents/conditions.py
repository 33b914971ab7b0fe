"""The conditions that steps can wait for, each a question to the run's live state.

They read the journal and do not ask the nodes, because a question takes a node's time during its failover.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from testbed.incidents.live_state import LiveState
from testbed.journal import Aspect


@dataclass(frozen=True, slots=True)
class ConditionInput:
    """The arguments of a condition.

    Attributes:
        live: the run's state.
        probes: the probes it is about.
        users: how many users the load has.
        apps: the names of the app nodes.
        since: not before this moment: when the last fault was in force, or healed.
    """

    live: LiveState
    probes: Sequence[str]
    users: int
    apps: Sequence[str]
    since: float


def service(asked: ConditionInput, stable_for: float) -> bool:
    """Every answer of every probe was good for so long."""
    now = time.monotonic()
    begin = now - stable_for
    views = [asked.live.probes[name] for name in asked.probes]
    return begin >= asked.since and all(view.good_since(begin, now) and view.last_good > asked.since for view in views)


def no_service(asked: ConditionInput, stable_for: float) -> bool:
    """No probe had a good answer for so long, and each was refused."""
    now = time.monotonic()
    begin = now - stable_for
    views = [asked.live.probes[name] for name in asked.probes]
    return begin >= asked.since and all(view.last_good < begin <= view.last_bad for view in views)


def failed_over(asked: ConditionInput, stable_for: float) -> bool:  # noqa: ARG001
    """The peer of the node that was struck holds the address and serves, whatever the struck node believes."""
    live = asked.live
    site = live.holders(Aspect.SITE_ADDRESS, "held")
    database = live.holders(Aspect.DATABASE_ADDRESS, "held") & live.holders(Aspect.POSTGRES, "accepting")
    return any(_peers(live.victim, node) for node in site | database)


def _peers(one: str, other: str) -> bool:
    """Return whether two nodes have the same name with different numbers, such as db1 and db2."""
    digits = "0123456789"
    return one != other and one.rstrip(digits) == other.rstrip(digits)


def resyncing(asked: ConditionInput, stable_for: float) -> bool:  # noqa: ARG001
    """Data is being copied from one database node to the other."""
    return asked.live.design.recorded.is_resyncing(asked.live.states)


def replicated(asked: ConditionInput, stable_for: float) -> bool:  # noqa: ARG001
    """Both copies of the data are connected and up to date."""
    return asked.live.design.recorded.is_replicated(asked.live.states)


def all_users_served(asked: ConditionInput, stable_for: float) -> bool:  # noqa: ARG001
    """Every user has had a good answer to a request sent after the fault."""
    good = [user for user, at in asked.live.served.items() if at > asked.live.fault_at]
    return len(good) >= asked.users


def sessions_on_all_app_nodes(asked: ConditionInput, stable_for: float) -> bool:  # noqa: ARG001
    """Every app node was the last to answer some user: it holds that session, unless the database does."""
    return set(asked.apps) <= set(asked.live.sessions.values())


def drained(asked: ConditionInput, stable_for: float) -> bool:  # noqa: ARG001
    """No user was answered last by the app node that was struck last."""
    return asked.live.victim not in asked.live.sessions.values()


# `healthy` and `copies-verified` are not here: they ask the nodes.
CONDITIONS: dict[str, Callable[[ConditionInput, float], bool]] = {
    "service": service,
    "no-service": no_service,
    "failed-over": failed_over,
    "resyncing": resyncing,
    "replicated": replicated,
    "all-users-served": all_users_served,
    "sessions-on-all-app-nodes": sessions_on_all_app_nodes,
    "drained": drained,
}
