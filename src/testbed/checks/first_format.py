"""Incidents as journals recorded them in the first format of incident files, in the words of the second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.durations import parse_duration
from testbed.faults.fault_registry import FORMER_NAMES, OPERATIONS
from testbed.units import format_duration, format_percentage, format_rate

TOP = {"timeline": "steps", "steady": "steady_state", "probes": "probe_intervals"}
LOAD = {"rate": "spawn_rate", "think": "think_time"}
STEADY = {"for": "stable_for", "within": "timeout"}
STEP = {"fault": "inject", "as": "id", "when": "wait_for", "for": "stable_for", "within": "timeout"}
EXPECT = {
    "outage": "max_outage", "felt": "must_notice", "stopped": "no_service_until_heal", "owner": "address_owner",
    "doomed": "must_affect_sessions", "logins-failed": "max_failed_logins", "rejoin": "max_recovery",
    "return": "max_outage_after_heal", "alarms": "allow_alarms", "sessions-lost": "max_lost_sessions",
}  # fmt: skip
CONDITIONS = {
    "served": "service", "stopped": "no-service", "taken-over": "failed-over", "everyone-served": "all-users-served",
    "sessions-everywhere": "sessions-on-all-app-nodes", "verified": "copies-verified",
}  # fmt: skip
OWNERS = {"same": "unchanged", "peer": "moved"}
CHECKS = {"stopped": "no-service", "owner": "address-owner", "rejoin": "recovery", "return": "failback"}

Data = dict[str, Any]


def is_first_format(incident: Mapping[str, Any]) -> bool:
    """Whether an incident's data is in the first format."""
    expect = incident.get("expect")
    old = {*EXPECT, "documented", "hardened"}
    return "timeline" in incident or (isinstance(expect, Mapping) and not old.isdisjoint(expect))


def to_second_format(incident: Mapping[str, Any]) -> Data:
    """Return an incident's data in the second format; data that is in the second format already is unchanged.

    Args:
        incident: as a journal holds it; parts may be missing.
    """
    if not is_first_format(incident):
        return dict(incident)
    changed = {TOP.get(key, key): value for key, value in incident.items()}
    if "steps" in changed:
        changed["steps"] = list(_steps(changed["steps"]))
    if "steady_state" in changed:
        changed["steady_state"] = _renamed(changed["steady_state"], STEADY)
    if "load" in changed:
        changed["load"] = _load(changed["load"])
    if "expect" in changed:
        expect = dict(changed["expect"])
        known = {CHECKS.get(check, check): reason for check, reason in expect.pop("documented", {}).items()}
        hardened = _expect(expect.pop("hardened", {}))
        changed["expect"] = _expect(expect)
        changed["profiles"] = {"reference": {"known_failures": known}, "hardened": hardened}
    return changed


def percent_of(think: float) -> str:
    """Return a factor on thinking times as the second format has it: ``0.3`` is ``30%``."""
    return format_percentage(round(100 * think, 6))


def _load(load: Mapping[str, Any]) -> Data:
    changed = _renamed(load, LOAD)
    if "spawn_rate" in changed:
        changed["spawn_rate"] = format_rate(changed["spawn_rate"])
    if "think_time" in changed:
        changed["think_time"] = percent_of(changed["think_time"])
    return changed


def _expect(expect: Mapping[str, Any]) -> Data:
    changed = _renamed(expect, EXPECT)
    if "address_owner" in changed:
        changed["address_owner"] = {place: OWNERS.get(each, each) for place, each in changed["address_owner"].items()}
    if changed.get("max_outage_after_heal"):
        changed["no_failback"] = True  # the first format's `return` asked for both
    return changed


def _steps(timeline: list[Mapping[str, Any]]) -> Iterator[Data]:
    """The steps; a moment at which a step was not to begin before becomes a sleep."""
    operations: dict[str, tuple[str, str]] = {}
    slept = 0.0
    for each in timeline:
        step = {key: value for key, value in each.items() if value not in (None, {}, [])}
        at, pause = parse_duration(step.pop("at", "0s")), parse_duration(step.get("for", "0s"))
        if at > slept:
            yield {"sleep": format_duration(at - slept)}
        slept = max(slept, at) + pause
        name = step.get("fault", "")
        if name in OPERATIONS:
            operations[step.get("as", "")] = name, step.get("target", "")
            yield {name: step.get("target", "")}
        elif step.get("heal", "") in operations:
            operation, target = operations.pop(step["heal"])
            if operation == "drain":
                yield {"undrain": target}
        elif "for" in step and "when" not in step:
            yield {"sleep": step["for"]}
        else:
            changed = _renamed(step, STEP)
            changed |= {"inject": FORMER_NAMES.get(name, name)} if name else {}
            yield changed | ({"wait_for": CONDITIONS.get(step["when"], step["when"])} if "when" in step else {})


def _renamed(data: Mapping[str, Any], names: Mapping[str, str]) -> Data:
    return {names.get(key, key): value for key, value in data.items()}
