"""Whether something measures what an incident expects: an expectation that nothing can fail proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from testbed.checks.expectations import Profile
from testbed.designs.layout_registry import PROFILES
from testbed.incidents.incident_model import Incident
from testbed.yaml_source import Problem

SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.005, 60.0


def problems(incident: Incident) -> Iterator[Problem]:
    """All the expectations of an incident that nothing measures, and those that exclude each other."""
    for probe, interval in incident.probe_intervals.items():
        if not SHORTEST_INTERVAL <= interval <= LONGEST_INTERVAL:
            yield Problem(("probe_intervals", probe), "no probe can be sent that often", "use 5ms to 60s")
    only = incident.cluster.profile
    for profile in PROFILES:
        mine = incident.profiles[profile]
        if only not in (None, profile) and mine.model_fields_set:
            what = f"the incident is played under the profile {only} alone"
            yield Problem(("profiles", profile), what, "remove this block, or cluster.profile", at_key=True)
        else:
            for problem in _unmeasured(incident, incident.expected(profile)):
                yield _placed(problem, profile, mine)


def _placed(problem: Problem, profile: str, mine: Profile) -> Problem:
    """A problem of what one profile is asked for, at the block that the key stands in."""
    key, *rest = problem.path
    value = getattr(mine, str(key))
    here = key in mine.model_fields_set and (not isinstance(value, dict) or not rest or rest[0] in value)
    return replace(problem, path=(*(("profiles", profile) if here else ("expect",)), *problem.path))


def _unmeasured(incident: Incident, expect: Profile) -> Iterator[Problem]:
    """What is wrong with what one profile is asked for; the paths begin at the key."""
    yield from _without_fault(incident, expect)
    yield from _without_users(incident, expect)
    yield from _contradictions(expect)
    yield from _known_failures(incident, expect)


def _without_fault(incident: Incident, expect: Profile) -> Iterator[Problem]:
    faults = any(step.inject for step in incident.steps)
    heals = any(step.heal for step in incident.steps)
    moves = faults or any(step.resign for step in incident.steps)
    needy = {
        "must_notice": bool(expect.must_notice) and not moves,
        "no_service_until_heal": bool(expect.no_service_until_heal) and not faults,
        "must_affect_sessions": expect.must_affect_sessions and not faults,
    }
    for key, unmeasured in needy.items():
        if unmeasured:
            yield Problem((key,), f"nothing measures {key}: no step injects a fault", "inject one", at_key=True)
    for address, owner in expect.address_owner.items():
        if owner == "moved" and not moves:
            what = "no step moves the address to its peer"
            yield Problem(("address_owner", address), what, "inject a fault, or write unchanged")
    after_heal = {
        "max_recovery": expect.max_recovery is not None,
        "max_outage_after_heal": bool(expect.max_outage_after_heal),
        "no_failback": expect.no_failback,
    }
    for key, given in after_heal.items():
        if given and not heals:
            what = f"nothing measures {key}: no step heals a fault"
            yield Problem((key,), what, "add a step `heal: all`", at_key=True)


def _without_users(incident: Incident, expect: Profile) -> Iterator[Problem]:
    if incident.load.users:
        return
    needy = {
        "must_affect_sessions": expect.must_affect_sessions,
        "max_failed_logins": expect.max_failed_logins is not None,
        "max_lost_sessions": expect.max_lost_sessions is not None,
    }
    for key, given in needy.items():
        if given:
            what = f"nothing measures {key}: the load has no users"
            yield Problem((key,), what, "give load.users some, or remove it", at_key=True)


def _contradictions(expect: Profile) -> Iterator[Problem]:
    for key in ("must_notice", "no_service_until_heal"):
        for number, probe in enumerate(getattr(expect, key)):
            if expect.max_outage.get(probe) == 0:
                what = f"{key} asks for an outage of {probe}, and max_outage forbids it"
                yield Problem((key, number), what, f"remove it here, or give max_outage.{probe} a length")


def _known_failures(incident: Incident, expect: Profile) -> Iterator[Problem]:
    """Only what is checked can be a known failure."""
    asked = {
        "outage": bool(expect.max_outage or expect.must_notice),
        "no-service": bool(expect.no_service_until_heal),
        "address-owner": bool(expect.address_owner),
        "isolation": expect.isolation,
        "logins": expect.max_failed_logins is not None,
        "recovery": expect.max_recovery is not None,
        "failback": bool(expect.max_outage_after_heal) or expect.no_failback,
        "stickiness": incident.load.users > 0,
    }
    for check, reason in expect.known_failures.items():
        path = ("known_failures", check)
        if not asked.get(check, True):
            yield Problem(path, f"{check} cannot fail: nothing is expected of it", "expect it too", at_key=True)
        if not reason.strip():
            yield Problem(path, f"the known failure of {check} has no reason", "write why it is known to fail")
