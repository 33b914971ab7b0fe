"""An incident in plain words: what happens when, and what is expected of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap

from testbed.checks.expectations import HARDENED, Expectations
from testbed.scenarios.model import CONDITIONS, WITHIN_SECONDS, Scenario, Step
from testbed.units import written

WIDTH = 100
ALWAYS = (
    "every session stays on its app node while that node lives",
    "no acknowledged write is lost or doubled",
    "one owner of each address, of DRBD's primary role and of writes at every instant",
    "no line in any log that tells of a crash or corruption, unless expected",
    "nothing is left behind",
)


def describe(scenario: Scenario, intervals: Mapping[str, float]) -> str:
    """The whole incident, some thirty lines.

    Args:
        scenario: the incident.
        intervals: each probe and the seconds between two of its samples, where the incident says nothing else.
    """
    lines = [scenario.name, *wrap(scenario.why, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    lines += ["", "with", *_indented(_setting(scenario, intervals))]
    lines += ["", "then", *_timeline(scenario)]
    lines += ["", "expected", *_indented(_expected(scenario))]
    return "\n".join(lines)


def describe_step(step: Step) -> str:
    """One step of a timeline, one line, without its time.

    Args:
        step: the step.
    """
    if step.fault is not None:
        told = ", ".join(f"{key} {_value(value)}" for key, value in step.options.items())
        name = f", called {step.name}" if step.name else ""
        return f"inject {step.fault} at {step.target}{f' ({told})' if told else ''}{name}"
    if step.heal is not None:
        return "heal every fault" if step.heal == "all" else f"heal {step.heal}"
    if step.when is not None:
        probes = f" ({', '.join(step.probes)})" if step.probes else ""
        hold = f" for {written(step.hold)}" if step.hold is not None else ""
        within = WITHIN_SECONDS if step.within is None else step.within
        return f"wait until {step.when}{probes}{hold}, {written(within)} at most"
    return f"let {written(step.hold or 0)} pass"


def _timeline(scenario: Scenario) -> Iterator[str]:
    """The steps with their numbers and times; conditions told in full where they first stand."""
    width = max(len(_time(step)) for step in scenario.timeline)
    told: set[str] = set()
    yield f"      {'':{width}}  the steady state holds for {written(scenario.steady.hold)}"
    for number, step in enumerate(scenario.timeline, 1):
        yield f"  {number:2}  {_time(step):>{width}}  {describe_step(step)}"
        if step.when and step.when not in told:
            told.add(step.when)
            yield f"      {'':{width}}    ({CONDITIONS[step.when]})"


def _time(step: Step) -> str:
    return "then" if step.at is None else f"+{written(step.at)}"


def _setting(scenario: Scenario, intervals: Mapping[str, float]) -> Iterator[str]:
    load, cluster = scenario.load, scenario.cluster
    if cluster.profile:
        yield f"the profile {cluster.profile}, and no other"
    if cluster.overlays:
        yield f"the overlays {', '.join(cluster.overlays)}"
    if cluster.sessions:
        yield f"sessions kept in {'the database' if cluster.sessions == 'database' else 'files of the app nodes'}"
    if cluster.scale:
        yield ", ".join(f"{count} machines of {service}" for service, count in cluster.scale.items())
    if scenario.site != "cluster":
        yield f"users and the site's probes at the {scenario.site} server"
    if load.users:
        doing = ", ".join(load.actions) or "everything they usually do"
        yield f"{load.users} users, {load.rate:g} more a second, thinking {load.think:g} times as long: {doing}"
    else:
        yield "no users"
    usual = dict(intervals) | {str(name): interval for name, interval in scenario.probes.items()}
    yield f"probes: {', '.join(f'{name} each {written(value)}' for name, value in usual.items())}"
    runs = "once" if scenario.repeat == 1 else f"{scenario.repeat} times"
    yield f"played {runs}, with seed {scenario.seed}"


def _expected(scenario: Scenario) -> Iterator[str]:
    expect = scenario.expect
    asked = list(_asked(expect))
    yield from asked
    yield from ALWAYS
    for check, reason in expect.documented.items():
        yield f"known to fail under reference: {check}. {' '.join(reason.split())}"
    if expect.changed:
        hardened = list(_asked(expect.under(HARDENED)))
        yield from (f"hardened: {line}" for line in hardened if line not in asked)
        yield from (f"not asked for under hardened: {line}" for line in asked if _gone(line, hardened))


def _gone(line: str, hardened: list[str]) -> bool:
    """Whether nothing of its kind is expected there, whatever its figures."""
    return not any(each.split()[:3] == line.split()[:3] for each in hardened)


def _asked(expect: Expectations) -> Iterator[str]:
    yield from _users_see(expect)
    for address, owner in expect.owner.items():
        holder = "who held it before" if owner == "same" else "the peer of who held it before"
        yield f"in the end the {address}'s address is held by {holder}"
    if expect.rejoin is not None:
        yield f"everything is whole again within {written(expect.rejoin)} of the last heal"
    if expect.returning:
        limits = ", ".join(f"{probe} {written(limit)}" for probe, limit in expect.returning.items())
        yield f"what returns takes no address over, and is felt for no longer than: {limits}"
    if expect.isolation:
        yield "nothing behind the balancers answers on the public network"
    if expect.alarms:
        yield f"these alarms may appear: {', '.join(expect.alarms)}"


def _users_see(expect: Expectations) -> Iterator[str]:
    for probe, limit in expect.outage.items():
        yield f"{probe} sees no outage" if limit == 0 else f"{probe} sees no outage longer than {written(limit)}"
    if expect.felt:
        yield f"the fault is felt by {', '.join(expect.felt)}"
    if expect.stopped:
        yield f"service stops, from the last fault until a heal: {', '.join(expect.stopped)}"
    if expect.doomed:
        yield "some session lived on a node that died"
    if expect.logins_failed is not None:
        yield f"at most {expect.logins_failed} logins fail" if expect.logins_failed else "no login fails"
    if expect.sessions_lost is not None:
        yield f"at most {expect.sessions_lost} sessions are lost" if expect.sessions_lost else "no session is lost"


def _value(value: object) -> str:
    return " ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def _indented(texts: Iterator[str]) -> Iterator[str]:
    for text in texts:
        yield from wrap(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")
