"""The probes' program: all probes of one container in one process.

    python3 -m testbed.probes --journal /runs/X/journal.jsonl --seconds 600 tcp=20ms https=20ms webmail=1s

SIGTERM ends it gracefully: samples that are under way are waited for and recorded.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import uuid
from functools import partial
from pathlib import Path

from testbed.durations import parse_duration
from testbed.journal import Writer
from testbed.probes import database_options
from testbed.probes.known_probes import Probes, known_probes
from testbed.probes.open_loop import OpenLoop, run_loops
from testbed.probes.probe_registry import PROBES, prepare
from testbed.probes.probe_type import ProbeSetup
from testbed.probes.sql import SqlWriteProbe

LIMIT_SECONDS = 900.0
SHORTEST, LONGEST = 0.005, 60.0
DECLARED = "--declared"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; ends the process with status 2 if it is wrong."""
    environment = os.environ.get
    # The declared probes first: help and errors name them, too.
    first = argparse.ArgumentParser(prog="python3 -m testbed.probes", add_help=False, allow_abbrev=False)
    _add_declared(first)
    known = first.parse_known_args(arguments)[0].known
    parser = argparse.ArgumentParser(
        prog="python3 -m testbed.probes", description="probe a cluster from outside", allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["probes:", *(f"  {name:12} {probe.summary}" for name, probe in known.items())]),
    )  # fmt: skip
    parser.add_argument("probes", nargs="+", type=partial(_probe, known), metavar="PROBE=INTERVAL",
                        help="such as tcp=20ms")  # fmt: skip
    _add_declared(parser)
    parser.add_argument("--journal", required=True, help="journal file to append to")
    parser.add_argument("--seconds", type=float, default=LIMIT_SECONDS, help=f"end after so long ({LIMIT_SECONDS:g})")
    parser.add_argument("--ca", default="/etc/testbed/ca.crt", help="certificates to trust")
    parser.add_argument("--site", default=environment("SITE_NAME", "webmail.testbed.test"), help="the site's name")
    parser.add_argument("--site-port", type=int, default=443)
    parser.add_argument("--account", default=f"user{environment('MAIL_USERS', '60'):0>2}",
                        help="webmail: whose inbox (the last one: loads begin with the first)")  # fmt: skip
    parser.add_argument("--timeout", type=float, default=2.0, help="SQL: seconds to wait for an answer (2)")
    parser.add_argument("--patience", type=float, default=5.0, help="https: seconds for one sample (5)")
    database_options.add_arguments(parser)
    options = parser.parse_args(arguments)
    if not 0 < options.seconds < 86_400:
        parser.error(f"--seconds {options.seconds:g}: between 0 and 86400")
    names = [name for name, _ in options.probes]
    if len(set(names)) != len(names):
        parser.error("a probe is named twice")
    return options


def _add_declared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(DECLARED, dest="known", type=_declared, default=PROBES, metavar="FILE",
                        help="JSON file with the probes that the topology declares")  # fmt: skip


def _declared(path: str) -> Probes:
    """Return all probes, with those that a file declares; the host has validated them."""
    try:
        return known_probes(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"{path} does not declare probes: {error!r}") from error


def _probe(known: Probes, text: str) -> tuple[str, float]:
    name, _, interval = text.partition("=")
    if name not in known:
        raise argparse.ArgumentTypeError(f"no probe {name!r}: the probes are {', '.join(known)}")
    try:
        value = parse_duration(interval)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error
    if not SHORTEST <= value <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text}: an interval is 5ms to 60s")
    return name, value


async def probe(options: argparse.Namespace) -> str:
    """Run the probes of the command line, and return a line of counts for each.

    Raises:
        OSError: the journal cannot be written, or certificates or secrets cannot be read.
        ValueError: a password is not among the secrets.
    """
    intervals = dict(options.probes)
    run_id = uuid.uuid4().hex[:12]
    prepared = prepare(ProbeSetup(options, intervals, run_id), options.known)
    attrs = {"run": run_id} if SqlWriteProbe.name in intervals else {}
    with Writer(options.journal, "probes", probes=" ".join(intervals), **attrs) as journal:
        loops = [
            OpenLoop(each.probe, journal, interval=intervals[each.probe.name], outstanding=each.outstanding)
            for each in prepared
        ]
        # Objects that exist now stay, so the collector need not visit them again.
        gc.collect()
        gc.freeze()
        await run_loops(loops, options.seconds)
        return "\n".join(loop.summary() for loop in loops)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status: 2 if its options are invalid or a file cannot be read."""
    try:
        print(asyncio.run(probe(parse(arguments))), flush=True)
    except (OSError, ValueError) as error:
        print(f"probes: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
