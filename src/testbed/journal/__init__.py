"""The event journal: what was measured, one JSON line an event, on one clock."""

from testbed.journal.events import (
    Alarm,
    Aspect,
    ClockSample,
    Event,
    FaultStep,
    Leftover,
    Mark,
    Outcome,
    ProbeSample,
    RequestSample,
    RunPlan,
    Scan,
    Settled,
    StateChange,
)
from testbed.journal.journal import Journal, Opening, build_journal
from testbed.journal.json_schema import schema
from testbed.journal.reader import JournalError, parse, read
from testbed.journal.series import Series
from testbed.journal.tail import Tail
from testbed.journal.writer import Writer

__all__ = [
    "Alarm",
    "Aspect",
    "ClockSample",
    "Event",
    "FaultStep",
    "Journal",
    "JournalError",
    "Leftover",
    "Mark",
    "Opening",
    "Outcome",
    "ProbeSample",
    "RequestSample",
    "RunPlan",
    "Scan",
    "Series",
    "Settled",
    "StateChange",
    "Tail",
    "Writer",
    "build_journal",
    "parse",
    "read",
    "schema",
]
