"""The quantitative claims of the 2006 design, measured."""

from testbed.bench.paper.failovers import Failovers
from testbed.bench.paper.filesystems import Filesystems
from testbed.bench.paper.machine import describe
from testbed.bench.paper.model import Claim, Options
from testbed.bench.paper.nodes import Nodes
from testbed.bench.paper.page import PAGE, TABLES, write
from testbed.bench.paper.results import Result, result
from testbed.bench.paper.samples import PREFIX, Opening, Session
from testbed.bench.paper.session import measure
from testbed.bench.paper.sessions import Sessions
from testbed.bench.paper.stack import Stack
from testbed.bench.paper.tls import Tls
from testbed.bench.paper.transactions import Transactions

CLAIMS: dict[str, Claim] = {
    claim.key: claim for claim in (Transactions(), Filesystems(), Failovers(), Tls(), Sessions(), Stack(), Nodes())
}

__all__ = [
    "CLAIMS",
    "PAGE",
    "PREFIX",
    "TABLES",
    "Claim",
    "Opening",
    "Options",
    "Result",
    "Session",
    "describe",
    "measure",
    "result",
    "write",
]
