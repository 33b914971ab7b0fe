"""The faults of a run, with the times at which each was injected and healed."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from testbed.journal import FaultStep, Journal

STEPS = ("inject", "injected", "heal", "healed")


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """The times of a fault, in monotonic seconds; None where the journal does not have them.

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
        """The first moment at which the fault may have had an effect."""
        return next((at for at in (self.inject, self.injected) if at is not None), -inf)

    @property
    def ends(self) -> float:
        """The moment it was surely over; infinite if it never was."""
        return inf if self.healed is None else self.healed


def injected_faults(journal: Journal) -> list[InjectedFault]:
    """The run's faults in the order in which they were injected."""
    first: dict[str, FaultStep] = {}
    times: dict[str, dict[str, float]] = {}
    for step in journal.of(FaultStep):
        first.setdefault(step.key, step)
        times.setdefault(step.key, {}).setdefault(step.step, step.at)
    found = [
        InjectedFault(
            key, step.fault, step.node, step.target, tuple(step.options.items()),
            *(times[key].get(name) for name in STEPS),
        )
        for key, step in first.items()
    ]  # fmt: skip
    return sorted(found, key=lambda fault: fault.begins)
