"""Reports: what a journal says of a run, for people and for machines."""

from testbed.report.comparison import Comparison, compare
from testbed.report.distribution import Distribution
from testbed.report.files import summarize, write
from testbed.report.folders import PAGE, find, latest, runs
from testbed.report.summary import Summary, load, siblings

__all__ = [
    "PAGE",
    "Comparison",
    "Distribution",
    "Summary",
    "compare",
    "find",
    "latest",
    "load",
    "runs",
    "siblings",
    "summarize",
    "write",
]
