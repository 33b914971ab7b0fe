"""All faults by name."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.errors import UsageError
from testbed.faults.cable_pull import CablePull
from testbed.faults.fault import Fault
from testbed.faults.network_down import NetworkDown
from testbed.faults.power_loss import PowerLoss
from testbed.faults.resign import Resign

_ALL: tuple[Fault, ...] = (PowerLoss(), CablePull(), NetworkDown(), Resign())
FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}


def fault_named(name: str) -> Fault:
    """The fault called ``name``.

    Raises:
        UsageError: there is none.
    """
    if name not in FAULTS:
        raise UsageError(f"no fault {name!r}", mend=f"the faults are {', '.join(FAULTS)}")
    return FAULTS[name]
