"""The cost of the testbed itself against the size of the cluster, the load, the probes and the journal."""

from testbed.bench.scale.journal_cost import JournalCost
from testbed.bench.scale.node_cost import NodeCost
from testbed.bench.scale.probe_cost import ProbeCost
from testbed.bench.scale.scale_model import ScaleResult, ScaleSubject, scale_result
from testbed.bench.scale.scale_page import growth_cells, scale_markdown
from testbed.bench.scale.user_cost import UserCost
from testbed.bench.session.computer import describe, describe_host
from testbed.bench.session.samples import BenchOpening, BenchSession
from testbed.bench.session.subject import Options
from testbed.bench.session.turns import measure

KIND, TABLES = "scale", "results.md"
SUBJECTS: dict[str, ScaleSubject] = {
    subject.key: subject for subject in (JournalCost(), ProbeCost(), NodeCost(), UserCost())
}

__all__ = [
    "KIND",
    "SUBJECTS",
    "TABLES",
    "BenchOpening",
    "BenchSession",
    "Options",
    "ScaleResult",
    "ScaleSubject",
    "describe",
    "describe_host",
    "growth_cells",
    "measure",
    "scale_markdown",
    "scale_result",
]
