"""Machines: one protocol for the operations on a node, whether it is a container or a VM in a container."""

from testbed.machines.machine import ExecResult, Machine, Power, Unreachable, Way

# The fleet stands in its own module: it imports the engine's library, which faults and checks do not need.
__all__ = ["ExecResult", "Machine", "Power", "Unreachable", "Way"]
