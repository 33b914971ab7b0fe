"""Reports: what a journal says of a run, for people and for machines."""

from testbed.report.comparison import SeriesComparison, compare
from testbed.report.distribution import Distribution
from testbed.report.files import summarize, write_report
from testbed.report.run_folders import PAGE, find_run, latest_run, list_runs
from testbed.report.summary import Summary, load_summary, runs_of_series

__all__ = [
    "PAGE",
    "Distribution",
    "SeriesComparison",
    "Summary",
    "compare",
    "find_run",
    "latest_run",
    "list_runs",
    "load_summary",
    "runs_of_series",
    "summarize",
    "write_report",
]
