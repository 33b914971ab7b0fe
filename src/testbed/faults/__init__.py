"""Faults: one file each, each reversible, each written down before it is injected."""

from testbed.faults.fault import Fault, FaultOptions
from testbed.faults.fault_registry import ACTIONS, FAULTS, OPERATIONS, check, fault_named, parse_options
from testbed.faults.injection import Tell, heal, heal_all, inject, resign
from testbed.faults.ledger import Entry, Ledger
from testbed.faults.options import OptionError
from testbed.faults.target import Target, parse_target

__all__ = [
    "ACTIONS",
    "FAULTS",
    "OPERATIONS",
    "Entry",
    "Fault",
    "FaultOptions",
    "Ledger",
    "OptionError",
    "Target",
    "Tell",
    "check",
    "fault_named",
    "heal",
    "heal_all",
    "inject",
    "parse_options",
    "parse_target",
    "resign",
]
