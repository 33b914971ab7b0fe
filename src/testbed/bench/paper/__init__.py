"""The quantitative claims of the 2006 design, measured."""

from testbed.bench.paper.app_nodes_claim import Nodes
from testbed.bench.paper.computer import describe
from testbed.bench.paper.failovers import Failovers
from testbed.bench.paper.filesystems import Filesystems
from testbed.bench.paper.page import PAGE, TABLES, write
from testbed.bench.paper.paper_model import Options, PaperClaim
from testbed.bench.paper.results import Result, result
from testbed.bench.paper.samples import PREFIX, BenchOpening, BenchSession
from testbed.bench.paper.sessions import SessionStorageClaim
from testbed.bench.paper.stack import Stack
from testbed.bench.paper.tls import Tls
from testbed.bench.paper.transactions import Transactions
from testbed.bench.paper.turns import measure

CLAIMS: dict[str, PaperClaim] = {
    claim.key: claim
    for claim in (Transactions(), Filesystems(), Failovers(), Tls(), SessionStorageClaim(), Stack(), Nodes())
}

__all__ = [
    "CLAIMS",
    "PAGE",
    "PREFIX",
    "TABLES",
    "BenchOpening",
    "BenchSession",
    "Options",
    "PaperClaim",
    "Result",
    "describe",
    "measure",
    "result",
    "write",
]
