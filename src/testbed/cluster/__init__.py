"""The cluster: bringing it up, its state and health, taking it down."""

from testbed.cluster.cluster import Cluster
from testbed.cluster.health import complaints
from testbed.cluster.state import ClusterState

__all__ = ["Cluster", "ClusterState", "complaints"]
