"""The quantitative claims of the 2006 design, measured."""

from testbed.bench.paper.app_nodes_claim import Nodes
from testbed.bench.paper.failovers import Failovers
from testbed.bench.paper.page import PAGE, TABLES, write
from testbed.bench.paper.paper_model import PaperClaim
from testbed.bench.paper.results import Result, result
from testbed.bench.paper.sessions import SessionStorageClaim
from testbed.bench.paper.stack import Stack
from testbed.bench.paper.tls import Tls
from testbed.bench.session.computer import describe
from testbed.bench.session.samples import BenchOpening, BenchSession
from testbed.bench.session.subject import Options
from testbed.bench.session.turns import measure
from testbed.designs.layout_registry import LAYOUTS, design_module, has_module

KIND = "paper"
CLAIMS: dict[str, PaperClaim] = {
    claim.key: claim
    for claim in (
        *(each for name in LAYOUTS if has_module(name, "claims") for each in design_module(name, "claims").CLAIMS),
        *(Failovers(), Tls(), SessionStorageClaim(), Stack(), Nodes()),
    )
}

__all__ = [
    "CLAIMS",
    "KIND",
    "PAGE",
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
