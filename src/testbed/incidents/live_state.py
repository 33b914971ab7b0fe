"""The present state of a run, read from its journal for its conditions.

Events are taken up as they are appended, and only what a condition asks for is kept: a run of an hour must not cost
more to watch than one of a minute.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.designs.database_design import DatabaseDesign
from testbed.journal import Aspect, Event, FaultStep, Outcome, ProbeSample, RequestSample, StateChange, Tail
from testbed.roles import BalancerState, DatabaseState
from testbed.topology import WEBMAIL, Role, Topology

NEVER = float("-inf")
# A probe that has had no good answer for so long, or for two of its intervals and a half, is not being answered.
SILENCE_SECONDS = 0.7


@dataclass
class ProbeView:
    """The latest samples of a probe.

    Attributes:
        last_good: when the last good answer was due.
        last_bad: when the last probe was due that was not answered well.
        last_detail: why that was.
        interval: seconds between its last two probes.
    """

    last_good: float = NEVER
    last_bad: float = NEVER
    last_detail: str = ""
    interval: float = 0.0
    _newest: float = field(default=NEVER, repr=False)

    def take(self, sample: ProbeSample) -> None:
        """Take one sample up; they come in the order in which they were answered."""
        if self._newest != NEVER and sample.scheduled > self._newest:
            self.interval = sample.scheduled - self._newest
        self._newest = max(self._newest, sample.scheduled)
        if sample.outcome is Outcome.OK:
            self.last_good = max(self.last_good, sample.scheduled)
        else:
            self.last_bad = max(self.last_bad, sample.scheduled)
            self.last_detail = sample.detail

    def good_since(self, begin: float, now: float) -> bool:
        """Whether every answer to a probe due since ``begin`` was good, and the last of them is fresh."""
        patience = max(SILENCE_SECONDS, 2.5 * self.interval)
        return self.last_bad < begin and now - self.last_good < patience


@dataclass(frozen=True, slots=True)
class RecordedNodeStates:
    """The states that a target such as ``db:primary`` is resolved with."""

    balancers: Sequence[BalancerState]
    databases: Sequence[DatabaseState]


class LiveState:
    """The state of a run, read from its journal as it grows.

    Args:
        path: the journal.
        design: the database's.
    """

    def __init__(self, path: Path, design: DatabaseDesign[Any]) -> None:
        self.design = design
        self._tail = Tail(path)
        self.probes: dict[str, ProbeView] = defaultdict(ProbeView)
        self.states: dict[str, dict[str, str]] = defaultdict(dict)
        self.sessions: dict[str, str] = {}  # user -> the app node that answered last
        self.served: dict[str, float] = {}  # user -> when the last request was sent that was answered well
        self.fault_at = NEVER  # when the last fault was in force
        self.changed_at = NEVER  # when the last fault was in force, or healed
        self.victim = ""

    def update(self) -> None:
        """Take up what was appended since the last time."""
        self.take(self._tail.new())

    def take(self, events: Iterable[Event]) -> None:
        """Take up events, in the order of the journal."""
        for event in events:
            match event:
                case ProbeSample():
                    self.probes[event.probe].take(event)
                case RequestSample():
                    self._request(event)
                case StateChange():
                    self._state(event)
                case FaultStep(step="injected"):
                    self.fault_at, self.victim = event.at, event.node
                    self.changed_at = event.at
                case FaultStep(step="healed"):
                    self.changed_at = event.at
                case _:
                    pass

    def _request(self, request: RequestSample) -> None:
        if request.outcome is not Outcome.OK or request.cause:  # redirects and half a login do not count as service
            return
        self.served[request.user] = max(request.started, self.served.get(request.user, NEVER))
        if request.action == "log out":
            self.sessions.pop(request.user, None)
        elif request.action == "log in" or request.user in self.sessions or request.application != WEBMAIL:
            self.sessions[request.user] = request.app

    def _state(self, change: StateChange) -> None:
        states = self.states[change.node]
        if change.aspect == Aspect.POWER and change.value in ("off", "reset"):
            states.clear()
        states[change.aspect] = change.value

    def holders(self, aspect: str, value: str) -> set[str]:
        """The nodes whose ``aspect`` is ``value``."""
        return {node for node, states in self.states.items() if states.get(aspect) == value}

    def roles(self, topology: Topology) -> RecordedNodeStates:
        """Return the state of each balancer and database node as last recorded, without asking the nodes.

        Args:
            topology: which nodes there are.
        """

        def on(node: str) -> bool:
            return self.states[node].get(Aspect.POWER) in ("on", "reset")

        return RecordedNodeStates(
            [
                BalancerState(each.name, on(each.name), self.states[each.name].get(Aspect.SITE_ADDRESS) == "held")
                for each in topology.of_role(Role.BALANCER)
            ],
            [
                self.design.recorded_state(each.name, on(each.name), self.states[each.name])
                for each in topology.of_role(Role.DATABASE)
            ],
        )

    def describe(self) -> str:
        """The last state seen, for the message of a wait that failed."""
        now = time.monotonic()
        parts = [f"{len(self.sessions)} users logged in"]
        parts += [
            f"{name}: {view.last_detail}"
            if view.last_bad > view.last_good
            else f"{name}: good {now - view.last_good:.1f} s ago"
            for name, view in sorted(self.probes.items())
        ]
        parts += [
            f"{aspect}: {' and '.join(sorted(self.holders(aspect, 'held'))) or 'no node'}"
            for aspect in (Aspect.SITE_ADDRESS, Aspect.DATABASE_ADDRESS)
        ]
        for node, states in sorted(self.states.items()):
            if replication := self.design.recorded.describe(states):
                parts.append(f"{node}: {self.design.replication} {replication}")
        return "; ".join(parts)
