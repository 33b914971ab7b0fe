"""What nodes need to know of the tables of applications and of dispatch: pools for balancers, servers for app nodes."""

from testbed.applications.image_program import ImageProgram
from testbed.applications.pools import Pool, pools
from testbed.applications.tree import balancer_files, write

__all__ = ["ImageProgram", "Pool", "balancer_files", "pools", "write"]
