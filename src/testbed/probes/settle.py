"""Reading back what the SQL write probe stored.

    python3 -m testbed.probes.settle --journal /runs/X/journal.jsonl

For each token that ``sql-write`` tried, and for each row that carries a token of its runs and was never tried, the
number of copies in the table is appended to the journal, then a mark ``settled``. A table that cannot be read is a
finding about the database: the mark ``unreadable`` says why, and the exit status is 5. Without a mark nothing was
settled.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from typing import Any

import psycopg

from testbed.errors import TestbedError
from testbed.journal import Mark, Settled, Writer, read
from testbed.probes import database
from testbed.probes.exit_status import UNREADABLE
from testbed.probes.sql import APPLICATION, SqlWriteProbe
from testbed.probes.words import one_line
from testbed.wait import WaitTimeout, wait_until

# What the probes' program calls itself in its header.
SOURCE = "probes"
COUNT = "select token, count(*) from writes where split_part(token, '-', 1) = any(%s) group by token"
# A write that its client gave up may still be under way in the server: that is waited for. A connection whose
# client went away behind a cut cable stays for hours: those are ended.
WRITERS = """
    select state, case when state = 'active' then false else pg_terminate_backend(pid) end
    from pg_stat_activity where application_name = any(%s) and pid <> pg_backend_pid()
"""
PATIENCE: dict[str, Any] = {"autocommit": True, "connect_timeout": 5, "options": "-c statement_timeout=10s"}


class NotYetError(TestbedError):
    """The table cannot be read yet."""


class WritersError(NotYetError):
    """The table is not at rest."""


class UnreadableError(TestbedError):
    """The table could not be read within the time; the journal says so."""

    exit_status = UNREADABLE


def read_back(conninfo: str, runs: Iterable[str]) -> dict[str, int]:
    """How often each token of the runs is in the table, once their writers are gone.

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


def written(path: str) -> tuple[set[str], list[str]]:
    """What a journal says was tried: the runs of its probers, and each token. The rest of it is let go of."""
    journal = read(path)
    runs = {opening.attrs["run"] for opening in journal.openings if opening.source == SOURCE and "run" in opening.attrs}
    series = journal.probes.get(SqlWriteProbe.name, ())
    tokens = (series.token(place) for place in range(len(series))) if series else ()
    return runs, [token for token in tokens if token]


def settle(options: argparse.Namespace) -> str:
    """Settle a journal as the command line says; returns a summary.

    Raises:
        UnreadableError: the table could not be read in time.
        JournalError: the file is no journal.
        OSError, ValueError: file, host or password are not there.
    """
    runs, tried = written(options.journal)
    conninfo = database.conninfo(options, "testbed-settle", 5.0)
    begun = time.monotonic()
    last: list[NotYetError] = []

    def read_table() -> list[dict[str, int]]:
        try:
            # A dictionary may be empty and yet an answer, a list that holds it is true.
            return [read_back(conninfo, runs)]
        except NotYetError as error:
            last[:] = [error]
            raise

    try:
        [copies] = wait_until(read_table, options.timeout, "the table of writes", interval=0.5)
    except WaitTimeout as timeout:
        at_rest = "no" if last and isinstance(last[0], WritersError) else "yes"
        reason = str(last[0]) if last else timeout.what
        attrs = {"reason": reason, "at-rest": at_rest, "seconds": f"{options.timeout:g}"}
        with Writer(options.journal, "settle", runs=" ".join(sorted(runs))) as out:
            out.write(Mark("unreadable", attrs=attrs))
        raise UnreadableError(f"the writes cannot be read back: {reason}") from None
    strangers = sorted(copies.keys() - set(tried))
    with Writer(options.journal, "settle", runs=" ".join(sorted(runs))) as out:
        for token in [*tried, *strangers]:
            out.write(Settled(token, copies.get(token, 0)))
        out.write(Mark("settled", attrs={"tokens": str(len(tried)), "rows": str(sum(copies.values()))}))
    seconds = time.monotonic() - begun
    return f"settled tokens={len(tried)} rows={sum(copies.values())} strangers={len(strangers)} seconds={seconds:.1f}"


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m testbed.probes.settle", description="read back what was written")
    parser.add_argument("--journal", required=True, help="the run's journal, appended to")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for a table at rest (60)")
    database.add_arguments(parser)
    try:
        print(settle(parser.parse_args(arguments)), flush=True)
    except TestbedError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except (OSError, ValueError) as error:
        print(f"settle: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
