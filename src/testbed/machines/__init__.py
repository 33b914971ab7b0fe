"""Machines: what every node can be told to do, whether it is a container or a VM inside one."""

from testbed.machines.cutting import Way
from testbed.machines.fleet import Fleet
from testbed.machines.machine import ExecResult, Machine, Power, Unreachable

__all__ = ["ExecResult", "Fleet", "Machine", "Power", "Unreachable", "Way"]
