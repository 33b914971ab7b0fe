"""Reports: what a journal says of a run, for people and for machines."""

from testbed.report.compare import Comparison, compare
from testbed.report.distribution import Distribution
from testbed.report.folders import find, runs
from testbed.report.summary import Summary, load, siblings
from testbed.report.write import PAGE, summarize, write

__all__ = [
    "PAGE",
    "Comparison",
    "Distribution",
    "Summary",
    "compare",
    "find",
    "load",
    "runs",
    "siblings",
    "summarize",
    "write",
]
