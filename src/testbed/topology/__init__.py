"""The cluster as its Compose file describes it: read through Compose's merge, then validated."""

from testbed.topology.applications import WEBMAIL
from testbed.topology.compose import labelled, load, read_merged, resolve
from testbed.topology.keys import Application, Dispatch, Role
from testbed.topology.model import Node, Topology

__all__ = [
    "WEBMAIL",
    "Application",
    "Dispatch",
    "Node",
    "Role",
    "Topology",
    "labelled",
    "load",
    "read_merged",
    "resolve",
]
