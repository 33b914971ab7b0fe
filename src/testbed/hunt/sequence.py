"""A sequence: the faults, heals and waits of an incident, without what follows each of them alike.

The steps are those of an incident file (``incidents.incident_model.Step``). ``as_incident`` adds what all sequences
have in common: the load, the final heal, and the wait for a healthy cluster.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

from testbed.faults import ACTIONS, OPERATIONS
from testbed.incidents.incident_model import Incident, Step
from testbed.probes.probe_registry import PROBES
from testbed.units import format_duration

Steps = tuple[Step, ...]

USERS = 3
# Slower than usual, as ``RegisteredProbe.hunt_interval`` explains.
PROBE_INTERVALS = {name: format_duration(probe.hunt_interval) for name, probe in PROBES.items() if probe.hunt_interval}
TITLE_CHARACTERS = 80
HEALTHY_TIMEOUT = "150s"
# A daemon that hung and resumes may take the address 3 s later: the run must not end in the middle of that.
STABLE_FOR = "5s"
SERVICE_TIMEOUT = "60s"


def inject_step(fault: str, target: str, options: Mapping[str, str], name: str) -> Step:
    """The step that injects a fault, or has a node drained or resign."""
    if fault in OPERATIONS:
        return Step.model_validate({fault: target})
    return Step.model_validate({"inject": fault, "target": target, "options": dict(options), "id": name})


def heal_step(name: str) -> Step:
    """The step that heals the fault with the id ``name``."""
    return Step(heal=name)


def ending_step(step: Step) -> Step:
    """The step that ends what ``step`` has begun."""
    return Step(undrain=step.drain) if step.drain else heal_step(step.known_as)


def sleep_step(seconds: float) -> Step:
    """The step that lets ``seconds`` pass."""
    return Step.model_validate({"sleep": format_duration(round(seconds, 1))})


def in_force(steps: Iterable[Step]) -> list[Step]:
    """The faults and drains of ``steps`` that no step ends, in order; nothing of a hand-over stays in force."""
    found: dict[str, Step] = {}
    for step in steps:
        if step.known_as:
            found[step.known_as] = step
        elif step.ends:
            found.pop(step.ends, None)
    return list(found.values())


def tidy_steps(steps: Iterable[Step]) -> Steps:
    """The steps without heals of what was not injected, without leading waits, and with neighbouring waits joined."""
    names: set[str] = set()
    found: list[Step] = []
    for step in steps:
        if step.action:
            names.add(step.known_as)
        elif step.ends is not None:
            if step.ends not in names:
                continue
            names.discard(step.ends)
        elif not found:
            continue
        elif found[-1].sleep is not None:
            found[-1] = sleep_step((found[-1].sleep or 0) + (step.sleep or 0))
            continue
        found.append(step)
    return tuple(found)


def remove_steps(steps: Steps, places: Collection[int]) -> Steps:
    """The steps without those at ``places``; the heals of faults that go with them go too."""
    return tidy_steps(step for place, step in enumerate(steps) if place not in places)


def steps_as_json(steps: Iterable[Step]) -> list[dict[str, object]]:
    """The steps as JSON, and as an incident file writes them."""
    return [step.model_dump(mode="json", exclude_defaults=True) for step in steps]


def steps_key(steps: Iterable[Step]) -> str:
    """A text that two sequences share when they are the same."""
    return json.dumps(steps_as_json(steps), sort_keys=True)


def brief(step: Step) -> str:
    """Return one step in short: ``power-loss db:primary``, ``heal first``, ``3.2s``."""
    if step.action:
        options = " ".join(str(value) for value in step.options.values())
        return " ".join(filter(None, (step.action, step.where, options)))
    if step.ends:
        return f"undrain {step.undrain}" if step.undrain else f"heal {step.heal}"
    return format_duration(step.sleep or 0)


def format_steps(steps: Iterable[Step]) -> str:
    """A sequence in one line."""
    return ", ".join(brief(step) for step in steps)


def sequence_title(steps: Iterable[Step]) -> str:
    """The faults of a sequence in one line of an incident file, shortened."""
    text = ", then ".join(f"{step.action} at {step.where}" for step in steps if step.action) or "No fault"
    return text if len(text) <= TITLE_CHARACTERS else f"{text[: TITLE_CHARACTERS - 3]}..."


def as_incident(steps: Steps, name: str, why: str, seed: int) -> Incident:
    """The incident that plays a sequence: after its steps everything is healed, and the cluster must be healthy.

    Args:
        steps: the sequence.
        name: the incident's name.
        why: why it matters.
        seed: of the random choices.
    """
    end: list[dict[str, object]] = [{"heal": "all"}] if any(step.id for step in in_force(steps)) else []
    end += [{"undrain": step.drain} for step in in_force(steps) if step.drain and not end]
    end.append({"wait_for": "healthy", "timeout": HEALTHY_TIMEOUT})
    end.append({"wait_for": "service", "stable_for": STABLE_FOR, "timeout": SERVICE_TIMEOUT})
    return Incident.model_validate(
        {
            "name": name, "title": sequence_title(steps), "why": why, "seed": seed,
            "load": {"users": USERS},
            "probe_intervals": PROBE_INTERVALS,
            "steady_state": {"stable_for": "1s"},
            "steps": [*steps_as_json(steps), *end],
            "expect": {"allow_alarms": _alarms(steps)},
        }
    )  # fmt: skip


def _alarms(steps: Steps) -> list[str]:
    """The log patterns that the faults bring about by themselves."""
    found = set()
    for step in steps:
        if step.action:
            found |= {*ACTIONS[step.action].expected_alarms({key: str(value) for key, value in step.options.items()})}
    return sorted(found)
