"""Whether the steps can happen in the order in which they stand: rules that need nothing but the file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from testbed.incidents.incident_model import ALL, KINDS, LIMIT_SECONDS, TIMEOUT_SECONDS, Incident, Step
from testbed.units import format_duration
from testbed.yaml_source import Problem

# Conditions that can be asked to hold, of probes that can be chosen.
OF_PROBES = ("service", "no-service")
# What can only come after a fault or an operation.
AFTER_ACTION = {
    "failed-over": "no step above strikes a node or has it resign",
    "no-service": "no step above injects a fault",
    "drained": "no step above drains an app node",
    "resyncing": "no step above injects a fault, so both copies are up to date",
}
OF_USERS = ("all-users-served", "sessions-on-all-app-nodes", "drained")
# What belongs to a step of another kind.
BELONGS = {
    "target": "inject", "options": "inject", "id": "inject",
    "probes": "wait_for", "stable_for": "wait_for", "timeout": "wait_for",
}  # fmt: skip
# For the steady state before, and for what the conditions take longer than they must.
SPARE_SECONDS = 300


def problems(incident: Incident) -> Iterator[Problem]:
    """All that is impossible about the order of an incident's steps."""
    if incident.load.locustfile:
        for key in ("actions", "think_time"):
            if key in incident.load.model_fields_set:
                what = f"{key} is for webmail users, and load.locustfile has its own"
                yield Problem(("load", key), what, "remove it, or change the Locust file", at_key=True)
    steady = incident.steady_state
    if steady.stable_for > steady.timeout:
        yield Problem(("steady_state", "timeout"), "the steady state could never hold that long", "make timeout longer")
    yield from chain.from_iterable(_shape(step, ("steps", number)) for number, step in enumerate(incident.steps))
    yield from _length(incident)
    yield from _healing(incident)
    yield from _draining(incident)
    yield from _conditions(incident)


def _shape(step: Step, path: tuple[str, int]) -> Iterator[Problem]:
    """A step is one thing, and has only the keys that belong to it."""
    kinds = [name for name in KINDS if getattr(step, name) is not None]
    if not kinds:
        yield Problem(path, "this step does nothing", f"give it one of {', '.join(KINDS)}")
    if len(kinds) > 1:
        what = f"this step has both {kinds[0]} and {kinds[1]}"
        yield Problem((*path, kinds[1]), what, "make two steps of it", at_key=True)
    if step.inject is not None and step.target is None:
        yield Problem((*path, "inject"), "this fault has no target", "add a target, such as db:primary")
    for key, owner in BELONGS.items():
        if getattr(step, key) not in (None, {}, []) and owner not in kinds:
            what = f"{key} belongs to a step with {owner}"
            yield Problem((*path, key), what, f"remove it or add {owner}", at_key=True)
    for key in ("sleep", "stable_for"):
        if getattr(step, key) == 0:
            yield Problem((*path, key), "0s is not a duration to wait", "write how long, or remove it")
    if step.id == ALL:
        yield Problem((*path, "id"), "heal: all heals every fault", "give this fault another id")


def _length(incident: Incident) -> Iterator[Problem]:
    """The steps do not last longer than load and probes run."""
    most = LIMIT_SECONDS - SPARE_SECONDS
    passed = 0.0
    for number, step in enumerate(incident.steps):
        passed += (step.sleep or 0) + (step.stable_for or 0)
        if passed > most:
            what = f"this is later than {format_duration(most)} after the steady state"
            yield Problem(("steps", number), what, "load and probes end by themselves then: make it shorter")
            return


def _healing(incident: Incident) -> Iterator[Problem]:
    """What is healed was injected before, and not healed since."""
    in_force: list[str] = []
    healed: dict[str, int] = {}
    first: dict[str, int] = {}
    for number, step in enumerate(incident.steps):
        if step.inject is not None:
            name = step.id or ""
            if name and name in first:
                what = f"step {first[name] + 1} already has the id {name!r}"
                yield Problem(("steps", number, "id"), what, "give each fault an id of its own")
            first.setdefault(name, number)
            in_force.append(name)
        elif step.heal == ALL:
            if not in_force:
                yield Problem(("steps", number, "heal"), "nothing is left to heal here", "remove the step")
            healed.update(dict.fromkeys(in_force, number))
            in_force.clear()
        elif step.heal is not None:
            if step.heal in in_force:
                in_force.remove(step.heal)
                healed[step.heal] = number
                continue
            if step.heal in healed:
                what, how = f"{step.heal!r} is healed already, in step {healed[step.heal] + 1}", "remove the step"
            else:
                names = [name for name in first if name]
                what = f"no fault above has the id {step.heal!r}"
                how = f"there are {', '.join(names)}, all" if names else "give the fault an `id`, or heal all"
            yield Problem(("steps", number, "heal"), what, how)


def _draining(incident: Incident) -> Iterator[Problem]:
    """What is undrained was drained before."""
    drained: list[str] = []
    for number, step in enumerate(incident.steps):
        if step.drain is not None:
            if step.drain in drained:
                what = f"{step.drain!r} is drained already"
                yield Problem(("steps", number, "drain"), what, "undrain it first, or remove the step")
            drained.append(step.drain)
        elif step.heal == ALL:
            drained.clear()
        elif step.undrain is not None:
            if step.undrain not in drained:
                how = f"drained are {', '.join(drained)}" if drained else "drain it first, or remove the step"
                yield Problem(("steps", number, "undrain"), f"{step.undrain!r} is not drained here", how)
            else:
                drained.remove(step.undrain)


def _conditions(incident: Incident) -> Iterator[Problem]:
    """What is waited for can come, and can be seen."""
    begun: set[str] = set()
    for number, step in enumerate(incident.steps):
        path, condition = ("steps", number), step.wait_for
        if step.action:
            begun.add("inject" if step.inject else step.action)
        if condition is None:
            continue
        if condition in AFTER_ACTION and begun.isdisjoint(_causes(condition)):
            how = f"{' or '.join(sorted(_causes(condition)))} first"
            yield Problem((*path, "wait_for"), f"{condition} cannot come: {AFTER_ACTION[condition]}", how)
        if condition in OF_USERS and not incident.load.users:
            yield Problem(
                (*path, "wait_for"), f"{condition} cannot come: the load has no users", "give load.users some"
            )
        for key in ("probes", "stable_for"):
            if getattr(step, key) not in (None, [], 0) and condition not in OF_PROBES:
                what = f"{condition} has no {key}"
                yield Problem((*path, key), what, f"remove it; only {' and '.join(OF_PROBES)} have it", at_key=True)
        timeout = TIMEOUT_SECONDS if step.timeout is None else step.timeout
        if step.stable_for is not None and step.stable_for >= timeout:
            what = f"it must hold for {format_duration(step.stable_for)} and come within {format_duration(timeout)}"
            yield Problem((*path, "stable_for"), what, "make timeout longer than stable_for")


def _causes(condition: str) -> set[str]:
    """The kinds of step one of which must come before a condition."""
    return {"failed-over": {"inject", "resign"}, "drained": {"drain"}}.get(condition, {"inject"})
