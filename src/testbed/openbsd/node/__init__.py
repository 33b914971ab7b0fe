"""What the host writes for an OpenBSD balancer: every file of its system that the topology or the secrets decide.

All of it is generated, so that an installed disk belongs to no cluster: the guest unpacks these files over its own at
each boot. They are the same in effect as what ``images/lb`` does on Debian.
"""

from testbed.openbsd.node.balancer import Balancer
from testbed.openbsd.node.guest_files import GuestFile, NodeSecrets, files, write

__all__ = ["Balancer", "GuestFile", "NodeSecrets", "files", "write"]
