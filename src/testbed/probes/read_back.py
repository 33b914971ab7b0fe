"""Program that reads back the rows of the SQL write probe.

    python3 -m testbed.probes.read_back --journal /runs/X/journal.jsonl

It appends the number of copies in the table to the journal: for each token that ``sql-write`` tried, and for each row
with a token of its runs that it never tried. A mark ``settled`` follows. If the table cannot be read, the mark
``unreadable`` records the reason, and the exit status is 5.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import psycopg

from testbed.errors import TestbedError
from testbed.journal import Mark, Settled, Writer, read
from testbed.output_line import one_line
from testbed.probes import database_options
from testbed.probes.read_back_status import UNREADABLE
from testbed.probes.sql import APPLICATION, SqlWriteProbe
from testbed.wait import WaitTimeout, wait_until

T = TypeVar("T")

# Name of the probes' program in the journal's header.
SOURCE = "probes"
COUNT = "select token, count(*) from writes where split_part(token, '-', 1) = any(%s) group by token"
# Active writes whose clients gave up may still commit, so wait for them. End idle connections, because one whose client
# was cut off stays for hours.
WRITERS = """
    select state, case when state = 'active' then false else pg_terminate_backend(pid) end
    from pg_stat_activity where application_name = any(%s) and pid <> pg_backend_pid()
"""
PATIENCE: dict[str, Any] = {"autocommit": True, "connect_timeout": 5, "options": "-c statement_timeout=10s"}


class NotYetError(TestbedError):
    """The table cannot be read yet."""


class WritersError(NotYetError):
    """Writers are still connected."""


class UnreadableError(TestbedError):
    """The table could not be read in time; the journal records it."""

    exit_status = UNREADABLE


def read_tokens(conninfo: str, runs: Iterable[str]) -> dict[str, int]:
    """Return how often each token of the runs is in the table, after their writers have ended.

    Raises:
        NotYetError: no connection, or a writer is still there.
    """
    names = sorted(runs)
    try:
        with psycopg.connect(conninfo, **PATIENCE) as connection:
            writers = connection.execute(WRITERS, ([f"{APPLICATION}-{run}" for run in names],)).fetchall()
            if writers:
                raise WritersError(f"{len(writers)} writers are still connected to the server")
            return {str(token): int(copies) for token, copies in connection.execute(COUNT, (names,)).fetchall()}
    except psycopg.Error as error:
        raise NotYetError(one_line(str(error))) from error


def await_answer(look: Callable[[], T], seconds: float, what: str) -> T:
    """Return what a look finds, as soon as it finds anything; an empty answer is one, too.

    Args:
        look: raises NotYetError as long as there is no answer.
        seconds: how long to wait.
        what: is waited for.

    Raises:
        NotYetError: the last one, when the time is over.
    """
    last: list[NotYetError] = []

    def look_again() -> list[T]:
        try:
            return [look()]  # a list that holds an empty answer is true
        except NotYetError as error:
            last[:] = [error]
            raise

    try:
        [answer] = wait_until(look_again, seconds, what, interval=0.5)
    except WaitTimeout as timeout:
        raise (last[0] if last else NotYetError(timeout.what)) from None
    return answer


def run_program(name: str, read_back: Callable[[], str]) -> int:
    """Read back, print the summary or the error, and return the exit status.

    Args:
        name: of the program, for the message of a file or a value that is wrong.
        read_back: returns the summary.
    """
    try:
        print(read_back(), flush=True)
    except TestbedError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except (OSError, ValueError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    return 0


def attempted_tokens(path: str) -> tuple[set[str], list[str]]:
    """Return the runs of the probes in a journal, and each token that they tried."""
    journal = read(path)
    runs = {opening.attrs["run"] for opening in journal.openings if opening.source == SOURCE and "run" in opening.attrs}
    series = journal.probes.get(SqlWriteProbe.name, ())
    tokens = (series.token(place) for place in range(len(series))) if series else ()
    return runs, [token for token in tokens if token]


def read_back_writes(options: argparse.Namespace) -> str:
    """Read back the writes of a journal, and return a summary.

    Raises:
        UnreadableError: the table could not be read in time.
        JournalError: the file is not a journal.
        OSError, ValueError: file, host or password are not there.
    """
    runs, tried = attempted_tokens(options.journal)
    conninfo = database_options.conninfo(options, "testbed-settle", 5.0)
    begun = time.monotonic()
    try:
        copies = await_answer(lambda: read_tokens(conninfo, runs), options.timeout, "the table of writes")
    except NotYetError as last:
        at_rest = "no" if isinstance(last, WritersError) else "yes"
        attrs = {"reason": str(last), "at-rest": at_rest, "seconds": f"{options.timeout:g}"}
        with Writer(options.journal, "settle", runs=" ".join(sorted(runs))) as out:
            out.write(Mark("unreadable", attrs=attrs))
        raise UnreadableError(f"the writes cannot be read back: {last}") from None
    strangers = sorted(copies.keys() - set(tried))
    with Writer(options.journal, "settle", runs=" ".join(sorted(runs))) as out:
        for token in [*tried, *strangers]:
            out.write(Settled(token, copies.get(token, 0)))
        out.write(Mark("settled", attrs={"tokens": str(len(tried)), "rows": str(sum(copies.values()))}))
    seconds = time.monotonic() - begun
    return f"settled tokens={len(tried)} rows={sum(copies.values())} strangers={len(strangers)} seconds={seconds:.1f}"


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python3 -m testbed.probes.read_back", description="read back what was written"
    )
    parser.add_argument("--journal", required=True, help="the run's journal, appended to")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for a table at rest (60)")
    database_options.add_arguments(parser)
    options = parser.parse_args(arguments)
    return run_program("read_back", lambda: read_back_writes(options))


if __name__ == "__main__":
    sys.exit(main())
