"""The conditions of a timeline, on the events they look at."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from testbed.designs.design_registry import DEFAULT
from testbed.designs.drbd.drbd_aspect import DrbdAspect
from testbed.incidents.conditions import CONDITIONS, ConditionInput
from testbed.incidents.live_state import LiveState
from testbed.journal import Aspect, Event, FaultStep, Outcome, ProbeSample, RequestSample, StateChange, Writer
from testbed.topology import Role

if TYPE_CHECKING:
    from testbed.topology import Topology


@pytest.fixture
def live(tmp_path: Path) -> LiveState:
    path = tmp_path / "journal.jsonl"
    Writer(path, "test").close()
    return LiveState(path, DEFAULT)


def probed(ago: float, outcome: Outcome = Outcome.OK, probe: str = "https") -> ProbeSample:
    due = time.monotonic() - ago
    return ProbeSample(probe, due, due, due + 0.01, outcome, "" if outcome is Outcome.OK else "refused")


def asked(user: str, app: str, action: str = "read", ago: float = 0.5, cause: str = "") -> RequestSample:
    return RequestSample(f"s-{user}", user, action, "lb1", app, time.monotonic() - ago, 0.1, Outcome.OK, cause)


def state(node: str, aspect: str, value: str) -> StateChange:
    return StateChange(node, aspect, value, time.monotonic())


def holds(live: LiveState, name: str, *events: Event, stable_for: float = 1.0, users: int = 2) -> bool:
    live.take(events)
    question = ConditionInput(live, ["https"], users, ["app-1", "app-2"], since=time.monotonic() - 30)
    return CONDITIONS[name](question, stable_for)


def steady() -> list[Event]:
    return [probed(ago / 10) for ago in range(30, 0, -1)]


def test_service_needs_good_answers_only_and_fresh_ones(live: LiveState) -> None:
    assert holds(live, "service", *steady())
    assert not holds(live, "service", probed(0.05, Outcome.UNKNOWN))


def test_no_sample_is_no_service(live: LiveState) -> None:
    assert not holds(live, "service")


def test_a_probe_that_fell_silent_is_no_service(live: LiveState) -> None:
    assert not holds(live, "service", *[probed(ago / 10) for ago in range(60, 30, -1)], stable_for=5.0)


def test_an_old_failure_does_not_matter(live: LiveState) -> None:
    assert holds(live, "service", probed(5, Outcome.FAILED), *steady())


def test_no_service_is_refusal_and_not_silence(live: LiveState) -> None:
    assert not holds(live, "no-service")
    assert not holds(live, "no-service", *steady())
    assert not holds(live, "no-service", probed(0.5, Outcome.FAILED)), "a good answer came within the time it must hold"
    later = [probed(0.2, Outcome.FAILED), probed(0.05, Outcome.FAILED)]
    assert holds(live, "no-service", *later, stable_for=0.08)


def test_failed_over_is_to_another_node_of_the_same_kind(live: LiveState) -> None:
    events: list[Event] = [
        state("lb1", Aspect.SITE_ADDRESS, "held"),
        state("db1", Aspect.DATABASE_ADDRESS, "held"),
        state("db1", Aspect.POSTGRES, "accepting"),
        FaultStep("k", "injected", "power-loss", "db1"),
    ]
    assert not holds(live, "failed-over", *events)
    assert not holds(live, "failed-over", state("db1", Aspect.POWER, "off"))
    assert not holds(live, "failed-over", state("db2", Aspect.DATABASE_ADDRESS, "held"))
    assert holds(live, "failed-over", state("db2", Aspect.POSTGRES, "accepting"))


def test_failed_over_is_also_what_a_frozen_machine_believes_to_hold(live: LiveState) -> None:
    events: list[Event] = [FaultStep("k", "injected", "freeze", "db1")]
    for node in ("db1", "db2"):
        events += [state(node, Aspect.DATABASE_ADDRESS, "held"), state(node, Aspect.POSTGRES, "accepting")]
    assert holds(live, "failed-over", *events)


def test_replication_is_of_both(live: LiveState) -> None:
    for node in ("db1", "db2"):
        assert not holds(live, "replicated", state(node, DrbdAspect.CONNECTION, "Connected"))
    assert not holds(live, "replicated", state("db1", DrbdAspect.DISK, "UpToDate"))
    assert holds(live, "replicated", state("db2", DrbdAspect.DISK, "UpToDate"))
    assert not holds(live, "resyncing")
    assert holds(live, "resyncing", state("db2", DrbdAspect.CONNECTION, "SyncTarget"))


def test_all_users_are_served_after_the_fault_only(live: LiveState) -> None:
    assert not holds(live, "all-users-served", asked("user01", "app-1"), asked("user02", "app-2", cause="redirect"))
    assert holds(live, "all-users-served", asked("user02", "app-2"))
    fault = FaultStep("k", "injected", "power-loss", "app-1", at=time.monotonic())
    assert not holds(live, "all-users-served", fault)


def test_sessions_on_all_app_nodes_are_sessions_that_live(live: LiveState) -> None:
    assert not holds(live, "sessions-on-all-app-nodes", asked("user01", "app-1", "log in"), asked("user02", "app-2"))
    assert holds(live, "sessions-on-all-app-nodes", asked("user02", "app-2", "log in"))
    assert not holds(live, "sessions-on-all-app-nodes", asked("user02", "app-2", "log out"))


def test_targets_are_known_from_what_the_nodes_reported(live: LiveState) -> None:
    topology = SimpleNamespace(
        of_role=lambda role: [
            SimpleNamespace(name=name) for name in (("lb1", "lb2") if role is Role.BALANCER else ("db1", "db2"))
        ],
    )
    live.take(state(node, Aspect.POWER, "on") for node in ("lb1", "lb2", "db1", "db2"))
    live.take([state("lb2", Aspect.SITE_ADDRESS, "held"), state("db1", DrbdAspect.ROLE, "Primary")])
    live.take([state("db2", DrbdAspect.ROLE, "Secondary"), state("db1", Aspect.POWER, "frozen")])
    roles = live.roles(cast("Topology", topology))
    assert [(each.reachable, each.holds_address) for each in roles.balancers] == [(True, False), (True, True)]
    assert [(each.reachable, each.role) for each in roles.databases] == [(False, "primary"), (True, "standby")]


def test_the_last_state_seen_is_reported(live: LiveState) -> None:
    live.take([probed(0.1, Outcome.FAILED), state("db2", DrbdAspect.ROLE, "Primary")])
    assert "https: refused" in live.describe()
    assert "db2: DRBD Primary" in live.describe()


def test_the_last_fault_is_as_old_as_its_record_and_not_as_the_reading_of_it(live: LiveState) -> None:
    struck = time.monotonic() - 5
    live.take([FaultStep("k", "injected", "power-loss", "app-1", at=struck)])
    assert live.fault_at == live.changed_at == struck
    # Sent after the fault, and before the journal was read.
    assert holds(live, "all-users-served", asked("u1", "app-2", ago=4), asked("u2", "app-2", ago=3))
    live.take([FaultStep("k", "healed", "power-loss", "app-1", at=struck + 2)])
    assert (live.fault_at, live.changed_at) == (struck, struck + 2)
