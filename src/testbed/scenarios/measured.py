"""Whether something measures what an incident expects: an expectation that nothing can fail proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from testbed.checks.expectations import HARDENED
from testbed.scenarios.model import Scenario
from testbed.yaml_source import Problem

SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.005, 60.0


def problems(scenario: Scenario) -> Iterator[Problem]:
    """All the expectations of an incident that nothing measures, and those that exclude each other.

    Args:
        scenario: the incident.
    """
    yield from _intervals(scenario)
    yield from _profiles(scenario)
    yield from _unmeasured(scenario)
    if scenario.expect.changed:
        hardened = scenario.model_copy(update={"expect": scenario.expect.under(HARDENED)})
        for problem in _unmeasured(hardened):
            # Where both profiles are wrong, the first told is the reference's.
            yield replace(problem, path=("expect", "hardened", *problem.path[1:]))


def _unmeasured(scenario: Scenario) -> Iterator[Problem]:
    """What is wrong with what one profile is asked for."""
    yield from _without_fault(scenario)
    yield from _without_users(scenario)
    yield from _contradictions(scenario)
    yield from _documented(scenario)


def _profiles(scenario: Scenario) -> Iterator[Problem]:
    """An incident of one profile expects nothing of the other."""
    expect, only = scenario.expect, scenario.cluster.profile
    if only is not None and expect.changed:
        what = f"nothing differs under hardened: it is played under {only} alone"
        yield Problem(
            ("expect", "hardened"), what, "say it under expect itself, or remove cluster.profile", at_key=True
        )
    if only == HARDENED and expect.documented:
        what = "nothing is excused under hardened, and it is played under that alone"
        yield Problem(("expect", "documented"), what, "remove it", at_key=True)


def _intervals(scenario: Scenario) -> Iterator[Problem]:
    for probe, interval in scenario.probes.items():
        if not SHORTEST_INTERVAL <= interval <= LONGEST_INTERVAL:
            yield Problem(("probes", probe), "no probe can be sent that often", "use 5ms to 60s")


def _without_fault(scenario: Scenario) -> Iterator[Problem]:
    expect = scenario.expect
    faults = [step for step in scenario.timeline if step.fault is not None]
    heals = [step for step in scenario.timeline if step.heal is not None]
    needy = {"felt": bool(expect.felt), "stopped": bool(expect.stopped), "doomed": expect.doomed}
    for key, given in needy.items():
        if given and not faults:
            yield Problem(
                ("expect", key), f"nothing measures {key}: the timeline has no fault", "inject one", at_key=True
            )
    for address, owner in expect.owner.items():
        if owner == "peer" and not faults:
            what = "no fault moves the address to its peer"
            yield Problem(("expect", "owner", address), what, "inject one, or write same")
    for key, given in {"rejoin": expect.rejoin is not None, "return": bool(expect.returning)}.items():
        if given and not heals:
            what = f"nothing measures {key}: the timeline heals nothing"
            yield Problem(("expect", key), what, "add a step `heal: all`", at_key=True)


def _without_users(scenario: Scenario) -> Iterator[Problem]:
    if scenario.load.users:
        return
    expect = scenario.expect
    limits = {"logins-failed": expect.logins_failed, "sessions-lost": expect.sessions_lost}
    needy = {"doomed": expect.doomed} | {key: limit is not None for key, limit in limits.items()}
    for key, given in needy.items():
        if given:
            what = f"nothing measures {key}: the load has no users"
            yield Problem(("expect", key), what, "give load.users some, or remove it", at_key=True)


def _contradictions(scenario: Scenario) -> Iterator[Problem]:
    expect = scenario.expect
    for key in ("felt", "stopped"):
        for number, probe in enumerate(getattr(expect, key)):
            if expect.outage.get(probe) == 0:
                what = f"{probe} cannot be {key} and have no outage"
                yield Problem(("expect", key, number), what, f"remove it here, or give outage.{probe} a length")


def _documented(scenario: Scenario) -> Iterator[Problem]:
    """Only what is checked can fail as documented."""
    expect = scenario.expect
    asked = {
        "outage": bool(expect.outage or expect.felt),
        "stopped": bool(expect.stopped),
        "owner": bool(expect.owner),
        "isolation": expect.isolation,
        "logins": expect.logins_failed is not None,
        "rejoin": expect.rejoin is not None,
        "return": bool(expect.returning),
        "stickiness": scenario.load.users > 0,
    }
    for check, reason in expect.documented.items():
        path = ("expect", "documented", check)
        if not asked.get(check, True):
            yield Problem(
                path, f"{check} cannot fail: nothing here expects anything of it", "expect it too", at_key=True
            )
        if not reason.strip():
            yield Problem(path, f"{check} is documented without a reason", "write why it is known to fail")
