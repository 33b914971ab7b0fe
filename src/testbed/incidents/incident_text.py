"""An incident as text: its setting, its steps and its expectations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap

from testbed.checks.expectations import Expect
from testbed.designs.layout_registry import PROFILES
from testbed.incidents.incident_model import ALL, CONDITIONS, TIMEOUT_SECONDS, Incident, Step
from testbed.units import format_duration, format_percentage, format_rate

WIDTH = 100
ALWAYS = (
    "every session stays on its app node while that node lives",
    "no acknowledged write is lost or doubled",
    "each address, the database's primary role and the writes have one owner at every instant",
    "no log has a line that reports a crash or corruption, unless its pattern is allowed",
    "nothing is left behind",
)


def describe(incident: Incident, intervals: Mapping[str, float]) -> str:
    """Return an incident as text, some thirty lines.

    Args:
        incident: a valid incident.
        intervals: each probe and the seconds between two of its samples, where the incident does not set it.
    """
    lines = [f"{incident.name}: {incident.title}"]
    lines += wrap(incident.why, WIDTH, initial_indent="  ", subsequent_indent="  ")
    lines += ["", "setting", *_indented(_setting(incident, intervals))]
    lines += ["", "steps", *_steps(incident)]
    lines += ["", "expected", *_indented(_expected(incident))]
    return "\n".join(lines)


def describe_step(step: Step) -> str:
    """Return one step as one line."""
    if step.inject is not None:
        options = ", ".join(f"{key} {_value(value)}" for key, value in step.options.items())
        name = f", id {step.id}" if step.id else ""
        return f"inject {step.inject} at {step.target}{f' ({options})' if options else ''}{name}"
    if step.heal is not None:
        return "heal every fault" if step.heal == ALL else f"heal {step.heal}"
    if step.wait_for is not None:
        probes = f" ({', '.join(step.probes)})" if step.probes else ""
        stable = f", stable for {format_duration(step.stable_for)}" if step.stable_for is not None else ""
        timeout = TIMEOUT_SECONDS if step.timeout is None else step.timeout
        return f"wait for {step.wait_for}{probes}{stable}, {format_duration(timeout)} at most"
    if step.sleep is not None:
        return f"sleep {format_duration(step.sleep)}"
    operation = next(name for name in ("drain", "undrain", "resign") if getattr(step, name) is not None)
    return f"{operation} {getattr(step, operation)}"


def _steps(incident: Incident) -> Iterator[str]:
    """The steps with their numbers; a condition is explained where it first stands."""
    explained: set[str] = set()
    yield f"      wait for the steady state, stable for {format_duration(incident.steady_state.stable_for)}"
    for number, step in enumerate(incident.steps, 1):
        yield f"  {number:2}  {describe_step(step)}"
        if step.wait_for and step.wait_for not in explained:
            explained.add(step.wait_for)
            yield f"        ({CONDITIONS[step.wait_for]})"


def _setting(incident: Incident, intervals: Mapping[str, float]) -> Iterator[str]:
    load, cluster = incident.load, incident.cluster
    if cluster.profile:
        yield f"the profile {cluster.profile}, and no other"
    if cluster.overlays:
        yield f"the overlays {', '.join(cluster.overlays)}"
    if cluster.sessions:
        yield f"sessions kept in {'the database' if cluster.sessions == 'database' else 'files of the app nodes'}"
    if cluster.scale:
        yield ", ".join(f"{count} nodes of {service}" for service, count in cluster.scale.items())
    if incident.site != "cluster":
        yield f"users and the site's probes at the {incident.site} server"
    if load.users and load.locustfile:
        yield f"{load.users} users of {load.locustfile}, {format_rate(load.spawn_rate)} started"
    elif load.users:
        doing = ", ".join(load.actions) or "everything they usually do"
        pace = (
            f"{format_rate(load.spawn_rate)} started, {format_percentage(load.think_time)} of the usual thinking times"
        )
        yield f"{load.users} users, {pace}: {doing}"
    else:
        yield "no users"
    usual = dict(intervals) | {str(name): interval for name, interval in incident.probe_intervals.items()}
    yield f"probes: {', '.join(f'{name} every {format_duration(value)}' for name, value in usual.items())}"
    runs = "once" if incident.repeat == 1 else f"{incident.repeat} times"
    yield f"played {runs}, with seed {incident.seed}"
    if incident.duration is not None:
        yield f"a run usually takes {format_duration(incident.duration)}"


def _expected(incident: Incident) -> Iterator[str]:
    general = list(_asked(incident.expect))
    yield from general
    yield from ALWAYS
    for profile in PROFILES:
        mine = incident.profiles[profile]
        if not mine.model_fields_set:
            continue
        here = incident.expected(profile)
        asked = list(_asked(here))
        with_profile = f"with the profile {profile}"
        yield from (f"{with_profile}: {line}" for line in asked if line not in general)
        yield from (f"{with_profile}, not expected: {line}" for line in general if _is_gone(line, asked))
        for check, reason in here.known_failures.items():
            yield f"{with_profile}, known failure of {check}: {' '.join(reason.split())}"


def _is_gone(line: str, asked: list[str]) -> bool:
    """Whether nothing of its kind is expected there, whatever its figures."""
    return not any(each.split()[:3] == line.split()[:3] for each in asked)


def _asked(expect: Expect) -> Iterator[str]:
    yield from _users_see(expect)
    for address, owner in expect.address_owner.items():
        holder = "the same node as at the start" if owner == "unchanged" else "the peer of its first holder"
        yield f"at the end the {address} address is held by {holder}"
    if expect.max_recovery is not None:
        limit = format_duration(expect.max_recovery)
        yield f"replication and the pools are healthy again within {limit} of the last heal"
    if expect.max_outage_after_heal:
        limits = ", ".join(f"{probe} {format_duration(limit)}" for probe, limit in expect.max_outage_after_heal.items())
        yield f"after the heal no outage is longer than: {limits}"
    if expect.no_failback:
        yield "after the heal no address moves"
    if expect.isolation:
        yield "nothing behind the balancers answers on the public network"
    if expect.allow_alarms:
        yield f"these alarms may appear: {', '.join(expect.allow_alarms)}"


def _users_see(expect: Expect) -> Iterator[str]:
    for probe, limit in expect.max_outage.items():
        yield (
            f"{probe} sees no outage" if limit == 0 else f"{probe} sees no outage longer than {format_duration(limit)}"
        )
    if expect.must_notice:
        yield f"must notice the fault: {', '.join(expect.must_notice)}"
    if expect.no_service_until_heal:
        yield f"no service from the last fault to the heal: {', '.join(expect.no_service_until_heal)}"
    if expect.must_affect_sessions:
        yield "some session lives on a node that dies"
    if expect.max_failed_logins is not None:
        most = expect.max_failed_logins
        yield f"at most {most} logins fail" if most else "no login fails"
    if expect.max_lost_sessions is not None:
        most = expect.max_lost_sessions
        yield f"at most {most} sessions are lost" if most else "no session is lost"


def _value(value: object) -> str:
    return " ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def _indented(texts: Iterator[str]) -> Iterator[str]:
    for text in texts:
        yield from wrap(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")
