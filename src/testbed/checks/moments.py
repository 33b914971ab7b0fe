"""When a run's stages began, and which faults it saw."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from testbed.journal import FaultStep, Journal, Mark

STEPS = ("inject", "injected", "heal", "healed")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault's life, in monotonic seconds; None where the journal does not tell.

    Args:
        key: its identity in the ledger.
        name: the fault's name.
        node: the machine it struck.
        target: how the machine was asked for.
        options: what else was asked for.
        inject, injected: when it was asked for, and in force.
        heal, healed: when its end was asked for, and reached.
    """

    key: str
    name: str
    node: str
    target: str
    options: tuple[tuple[str, str], ...]
    inject: float | None
    injected: float | None
    heal: float | None
    healed: float | None

    @property
    def begins(self) -> float:
        """The first moment it may have been felt."""
        return next((at for at in (self.inject, self.injected) if at is not None), -inf)

    @property
    def ends(self) -> float:
        """The moment it was surely over; infinite if it never was."""
        return inf if self.healed is None else self.healed


def faults(journal: Journal) -> list[Fault]:
    """The run's faults in the order in which they were injected."""
    first: dict[str, FaultStep] = {}
    times: dict[str, dict[str, float]] = {}
    for step in journal.of(FaultStep):
        first.setdefault(step.key, step)
        times.setdefault(step.key, {}).setdefault(step.step, step.at)
    found = [
        Fault(
            key, step.fault, step.node, step.target, tuple(step.options.items()),
            *(times[key].get(name) for name in STEPS),
        )
        for key, step in first.items()
    ]  # fmt: skip
    return sorted(found, key=lambda fault: fault.begins)


def mark(journal: Journal, name: str) -> Mark | None:
    """The first mark of this name."""
    return next((each for each in journal.of(Mark) if each.name == name), None)


def moment(journal: Journal, name: str) -> float | None:
    """When a stage of the run was reached; None if it was not."""
    found = mark(journal, name)
    return None if found is None else found.at


def is_complete(journal: Journal) -> bool:
    """Whether the run came to its end and the journal holds all of it: only then does silence prove anything."""
    return not journal.damage and mark(journal, "run-ends") is not None


def watched(journal: Journal) -> tuple[float, float]:
    """The time that expectations are about: from the steady state to the timeline's end, if the journal has them."""
    begin = moment(journal, "steady")
    ends = [at for name in ("timeline-done", "probes-end", "run-ends") if (at := moment(journal, name)) is not None]
    return (-inf if begin is None else begin), min(ends, default=inf)
