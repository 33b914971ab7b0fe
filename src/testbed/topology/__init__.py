"""The cluster as its Compose file describes it: read through Compose's merge, then validated."""

from testbed.topology.compose import load, resolve
from testbed.topology.keys import Role
from testbed.topology.model import Node, Topology

__all__ = ["Node", "Role", "Topology", "load", "resolve"]
