"""A sequence: the faults, heals and waits of an incident, without what follows each of them alike.

The steps are an incident file's own (``scenarios.model.Step``). ``as_incident`` adds what every sequence has in common:
the load, the final heal, and the wait for a healthy cluster.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

from testbed.scenarios.model import Scenario, Step
from testbed.units import written

Steps = tuple[Step, ...]

USERS = 3
# Slower than usual: a hunt looks for what is wrong, and not for how long an outage lasts. Where VMs are emulated, the
# usual rate takes half of the cluster's processor time.
PROBES = {"tcp": "100ms", "https": "200ms", "sql-read": "200ms", "sql-write": "200ms"}
HEALTHY_WITHIN = "150s"
SERVED_WITHIN = "60s"
# Log patterns that a fault itself brings about, whatever the cluster does; those of the shipped incidents.
EXPECTED_ALARMS: Mapping[str, tuple[str, ...]] = {
    "disk-error": ("disk-error",),
    "disk-full": ("postgres-panic", "postgres-crash", "postgres-corruption"),
    "php-worker": ("apache-crash",),
}


def injection(fault: str, target: str, options: Mapping[str, str], name: str) -> Step:
    """The step that injects a fault."""
    return Step.model_validate({"fault": fault, "target": target, "options": dict(options), "as": name})


def healing(name: str) -> Step:
    """The step that heals the fault called ``name``."""
    return Step(heal=name)


def pause(seconds: float) -> Step:
    """The step that lets ``seconds`` pass."""
    return Step.model_validate({"for": written(round(seconds, 1))})


def in_force(steps: Iterable[Step]) -> list[Step]:
    """The injections of ``steps`` that no step heals, in order."""
    found: dict[str, Step] = {}
    for step in steps:
        if step.fault:
            found[step.name or ""] = step
        elif step.heal:
            found.pop(step.heal, None)
    return list(found.values())


def tidied(steps: Iterable[Step]) -> Steps:
    """The steps without heals of what was not injected, without leading waits, and with neighbouring waits joined."""
    names: set[str] = set()
    found: list[Step] = []
    for step in steps:
        if step.fault:
            names.add(step.name or "")
        elif step.heal is not None:
            if step.heal not in names:
                continue
            names.discard(step.heal)
        elif not found:
            continue
        elif found[-1].hold is not None:
            found[-1] = pause((found[-1].hold or 0) + (step.hold or 0))
            continue
        found.append(step)
    return tuple(found)


def without(steps: Steps, places: Collection[int]) -> Steps:
    """The steps without those at ``places``; the heals of faults that go with them go too."""
    return tidied(step for place, step in enumerate(steps) if place not in places)


def fields(steps: Iterable[Step]) -> list[dict[str, object]]:
    """The steps as JSON, and as an incident file writes them."""
    return [step.model_dump(mode="json", by_alias=True, exclude_defaults=True) for step in steps]


def key(steps: Iterable[Step]) -> str:
    """A text that two sequences share when they are the same."""
    return json.dumps(fields(steps), sort_keys=True)


def brief(step: Step) -> str:
    """One step in a few words: ``power-loss db:primary``, ``heal first``, ``3.2s``."""
    if step.fault:
        options = " ".join(str(value) for value in step.options.values())
        return " ".join(filter(None, (step.fault, step.target, options)))
    if step.heal:
        return f"heal {step.heal}"
    return written(step.hold or 0)


def briefly(steps: Iterable[Step]) -> str:
    """A sequence in one line."""
    return ", ".join(brief(step) for step in steps)


def as_incident(steps: Steps, name: str, why: str, seed: int) -> Scenario:
    """The incident that plays a sequence: after its steps everything is healed, and the cluster must be healthy.

    Args:
        steps: the sequence.
        name: the incident's name.
        why: why it matters.
        seed: of the random choices.
    """
    end: list[dict[str, object]] = [{"heal": "all"}] if in_force(steps) else []
    end += [{"when": "healthy", "within": HEALTHY_WITHIN}, {"when": "served", "for": "2s", "within": SERVED_WITHIN}]
    return Scenario.model_validate(
        {
            "name": name, "why": why, "seed": seed,
            "load": {"users": USERS},
            "probes": PROBES,
            "steady": {"for": "1s"},
            "timeline": [*fields(steps), *end],
            "expect": {"alarms": _alarms(steps)},
        }
    )  # fmt: skip


def _alarms(steps: Steps) -> list[str]:
    causes = {str(word) for step in steps if step.fault for word in (step.fault, *step.options.values())}
    return sorted({alarm for cause in causes for alarm in EXPECTED_ALARMS.get(cause, ())})
