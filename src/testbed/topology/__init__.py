"""The cluster as its Compose file describes it: read through Compose's merge, then validated."""

from testbed.topology.compose import load, resolve
from testbed.topology.model import Node, Role, Topology

__all__ = ["Node", "Role", "Topology", "load", "resolve"]
