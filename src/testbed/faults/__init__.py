"""Faults: one file for each. Every fault is reversible, and is recorded before it is injected."""

from testbed.faults.fault import Fault, FaultOptions
from testbed.faults.fault_options import OptionError
from testbed.faults.fault_registry import ACTIONS, FAULTS, OPERATIONS, check_fault, fault_named, parse_options
from testbed.faults.fault_target import FaultTarget, parse_target
from testbed.faults.injection import StepCallback, heal, heal_all, inject, resign
from testbed.faults.ledger import Ledger, LedgerEntry

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
    "resign",
]
