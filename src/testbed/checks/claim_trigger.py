"""What brought the claim of an address about: a fault, or the healing of one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from math import inf
from typing import NamedTuple

from testbed.checks.injected_faults import InjectedFault

# The key of all steps; no node has this name.
_ANY = ("", False)


class TriggerStep(NamedTuple):
    """A fault, or its healing.

    Attributes:
        at: when it was.
        healing: whether it is the healing.
        fault: the fault.
    """

    at: float
    healing: bool
    fault: InjectedFault


class TriggerHistory:
    """The faults and healings of a run, by node and time.

    Args:
        known: the faults of the run.
    """

    def __init__(self, known: Iterable[InjectedFault]) -> None:
        every = list(known)
        steps = [TriggerStep(fault.begins, healing=False, fault=fault) for fault in every if fault.begins > -inf]
        steps += [TriggerStep(fault.heal, healing=True, fault=fault) for fault in every if fault.heal is not None]
        # Of several at one moment, the fault counts that was injected first, before any healing.
        steps.reverse()
        steps.sort(key=lambda step: step.at)
        self._steps: dict[tuple[str, bool], list[TriggerStep]] = {_ANY: steps}
        for step in steps:
            self._steps.setdefault((step.fault.node, step.healing), []).append(step)
        self._times = {key: [step.at for step in several] for key, several in self._steps.items()}

    def find(self, source: str, target: str, claimed: float) -> TriggerStep | None:
        """Return what brought a claim about; None if nothing came before it.

        It is the last fault of the node that lost the address or the last healing of the node that took it, whichever
        came later; or else whatever came last.

        Args:
            source: the node that lost the address.
            target: the node that took it.
            claimed: when.
        """
        candidates = (self._last((source, False), claimed), self._last((target, True), claimed))
        return max(
            (step for step in candidates if step), key=lambda step: step.at, default=self._last(_ANY, claimed)
        )  # fmt: skip

    def _last(self, key: tuple[str, bool], moment: float) -> TriggerStep | None:
        place = bisect_right(self._times.get(key, ()), moment)
        return self._steps[key][place - 1] if place else None
