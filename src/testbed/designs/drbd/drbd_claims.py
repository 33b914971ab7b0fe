"""The claims of the 2006 paper that are about DRBD."""

from testbed.designs.drbd.paper.filesystems import Filesystems
from testbed.designs.drbd.paper.transactions import Transactions

CLAIMS = (Transactions(), Filesystems())
