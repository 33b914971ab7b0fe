"""Faults: one file for each. Every fault is reversible, and is recorded before it is injected.

Only the ledger is imported at once: most commands ask which faults are in force, and few inject one. The rest is
imported when it is used first (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from testbed.faults.ledger import Ledger, LedgerEntry

if TYPE_CHECKING:
    from testbed.faults.fault import Fault, FaultOptions
    from testbed.faults.fault_options import OptionError
    from testbed.faults.fault_registry import (
        ACTIONS,
        FAULTS,
        OPERATIONS,
        check_fault,
        fault_named,
        parse_options,
        require_of_design,
    )
    from testbed.faults.fault_target import FaultTarget, parse_target
    from testbed.faults.injection import StepCallback, heal, heal_all, inject, resign

_DEFINED_IN = {
    "fault": ("Fault", "FaultOptions"),
    "fault_registry": (
        "ACTIONS",
        "FAULTS",
        "OPERATIONS",
        "check_fault",
        "fault_named",
        "parse_options",
        "require_of_design",
    ),
    "injection": ("StepCallback", "heal", "heal_all", "inject", "resign"),
    "fault_options": ("OptionError",),
    "fault_target": ("FaultTarget", "parse_target"),
}
_MODULES = {name: module for module, names in _DEFINED_IN.items() for name in names}

__all__ = [
    "ACTIONS",
    "FAULTS",
    "OPERATIONS",
    "Fault",
    "FaultOptions",
    "FaultTarget",
    "Ledger",
    "LedgerEntry",
    "OptionError",
    "StepCallback",
    "check_fault",
    "fault_named",
    "heal",
    "heal_all",
    "inject",
    "parse_options",
    "parse_target",
    "require_of_design",
    "resign",
]


def __getattr__(name: str) -> object:
    """Import what is used for the first time."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
