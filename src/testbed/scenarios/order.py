"""Whether a timeline can happen in the order it is written in: rules that need nothing but the file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from testbed.scenarios.model import LIMIT_SECONDS, WITHIN_SECONDS, Scenario, Step
from testbed.units import written
from testbed.yaml_source import Problem

# Conditions that can be asked to hold, of probes that can be chosen.
OF_PROBES = ("served", "stopped")
# What can only come after a fault.
AFTER_FAULT = {
    "taken-over": "nothing was struck whose peer could take over",
    "stopped": "nothing was struck that could stop the service",
    "drained": "no app node was struck that could be left",
    "resyncing": "nothing was struck that a copy could have fallen behind by",
}
OF_USERS = ("everyone-served", "sessions-everywhere", "drained")
# For the steady state before, and for what the conditions take longer than they must.
SPARE_SECONDS = 300
ALL = "all"


def problems(scenario: Scenario) -> Iterator[Problem]:
    """All that is impossible about the order of an incident.

    Args:
        scenario: the incident.
    """
    if scenario.steady.hold > scenario.steady.within:
        yield Problem(("steady", "within"), "the steady state could never hold that long", "make within longer")
    yield from chain.from_iterable(_shape(step, ("timeline", number)) for number, step in enumerate(scenario.timeline))
    yield from _times(scenario)
    yield from _healing(scenario)
    yield from _conditions(scenario)


def _shape(step: Step, path: tuple[str, int]) -> Iterator[Problem]:
    """A step is one thing, and says only what belongs to it."""
    kinds = [name for name in ("fault", "heal", "when") if getattr(step, name) is not None]
    if not kinds and step.hold is None:
        yield Problem(path, "this step does nothing", "give it one of fault, heal, when, for")
    if len(kinds) > 1:
        what = f"this step has both {kinds[0]} and {kinds[1]}"
        yield Problem((*path, kinds[1]), what, "make two steps of it", at_key=True)
    if step.fault is not None and step.target is None:
        yield Problem((*path, "fault"), "nothing says where this fault is injected", "add a target, such as db:primary")
    belongs = {"target": "fault", "options": "fault", "as": "fault", "within": "when", "probes": "when"}
    given = {
        "target": step.target, "options": step.options, "as": step.name, "within": step.within, "probes": step.probes
    }  # fmt: skip
    for key, owner in belongs.items():
        if given[key] not in (None, {}, []) and owner not in kinds:
            yield Problem(
                (*path, key), f"{key} belongs to a step with {owner}", f"remove it or add {owner}", at_key=True
            )
    if step.hold is not None and (step.fault is not None or step.heal is not None):
        kind = "fault" if step.fault is not None else "heal"
        yield Problem((*path, "for"), f"a {kind} takes no time of its own", "make `for` a step of its own", at_key=True)
    if step.hold == 0:
        yield Problem((*path, "for"), "0s is no time", "write how long, or remove it")
    if step.name == ALL:
        yield Problem((*path, "as"), "all means every fault", "call this one something else")


def _times(scenario: Scenario) -> Iterator[Problem]:
    """``at`` never lies before what the steps above it take."""
    earliest = 0.0
    for number, step in enumerate(scenario.timeline):
        if step.at is not None:
            if step.at < earliest:
                what = f"at goes backwards: the steps above are not done before {written(earliest)}"
                yield Problem(("timeline", number, "at"), what, "put the steps in order, or remove at")
            earliest = max(earliest, step.at)
        if step.hold is not None:
            earliest += step.hold
        if earliest > LIMIT_SECONDS - SPARE_SECONDS:
            what = f"this is later than {written(LIMIT_SECONDS - SPARE_SECONDS)} after the steady state"
            yield Problem(("timeline", number), what, "load and probes end by themselves then: make it shorter")
            return


def _healing(scenario: Scenario) -> Iterator[Problem]:
    """What is healed was injected before, and not healed since."""
    in_force: list[str] = []
    healed: dict[str, int] = {}
    first: dict[str, int] = {}
    for number, step in enumerate(scenario.timeline):
        if step.fault is not None:
            name = step.name or ""
            if name and name in first:
                what = f"step {first[name] + 1} already calls its fault {name!r}"
                yield Problem(("timeline", number, "as"), what, "give each its own name")
            first.setdefault(name, number)
            in_force.append(name)
        elif step.heal == ALL:
            if not in_force:
                yield Problem(("timeline", number, "heal"), "nothing is left to heal here", "remove the step")
            healed.update(dict.fromkeys(in_force, number))
            in_force.clear()
        elif step.heal is not None:
            if step.heal in in_force:
                in_force.remove(step.heal)
                healed[step.heal] = number
                continue
            if step.heal in healed:
                what, mend = f"{step.heal!r} is healed already, in step {healed[step.heal] + 1}", "remove the step"
            else:
                names = [name for name in first if name]
                what = f"no fault above is called {step.heal!r}"
                mend = f"there are {', '.join(names)}, all" if names else "name one with `as`, or heal all"
            yield Problem(("timeline", number, "heal"), what, mend)


def _conditions(scenario: Scenario) -> Iterator[Problem]:
    """What is waited for can come, and can be seen."""
    struck = False
    for number, step in enumerate(scenario.timeline):
        path = ("timeline", number)
        struck = struck or step.fault is not None
        if step.when is None:
            continue
        if step.when in AFTER_FAULT and not struck:
            yield Problem((*path, "when"), f"{step.when} cannot come: {AFTER_FAULT[step.when]}", "inject a fault first")
        if step.when in OF_USERS and not scenario.load.users:
            yield Problem((*path, "when"), f"{step.when} cannot come: the load has no users", "give load.users some")
        if step.probes and step.when not in OF_PROBES:
            what = f"{step.when} does not depend on a probe"
            yield Problem((*path, "probes"), what, f"only {' and '.join(OF_PROBES)} do", at_key=True)
        if step.hold is not None and step.when not in OF_PROBES:
            what = f"{step.when} is an instant, it cannot be asked to hold"
            yield Problem((*path, "for"), what, "make `for` a step of its own", at_key=True)
        within = WITHIN_SECONDS if step.within is None else step.within
        if step.hold is not None and step.hold >= within:
            what = f"it must hold for {written(step.hold)} and come within {written(within)}"
            yield Problem((*path, "for"), what, "make within longer than for")
