"""The event journal: what was measured, one JSON line an event, on one clock."""

from testbed.journal.events import Event, Mark, Outcome, ProbeSample, RequestSample, Settled
from testbed.journal.reader import Entry, Journal, JournalError, Opening, parse, read
from testbed.journal.writer import Writer

__all__ = [
    "Entry",
    "Event",
    "Journal",
    "JournalError",
    "Mark",
    "Opening",
    "Outcome",
    "ProbeSample",
    "RequestSample",
    "Settled",
    "Writer",
    "parse",
    "read",
]
