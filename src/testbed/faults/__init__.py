"""Faults: one file each, each reversible, each written down before it is injected."""

from testbed.faults.catalogue import FAULTS, fault_named
from testbed.faults.fault import Fault
from testbed.faults.injection import heal, heal_all, inject
from testbed.faults.ledger import Entry, Ledger

__all__ = ["FAULTS", "Entry", "Fault", "Ledger", "fault_named", "heal", "heal_all", "inject"]
