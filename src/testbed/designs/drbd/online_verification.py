"""The comparison of both copies of the database's volume: DRBD's online verification."""

from __future__ import annotations

import re
import secrets

from testbed.designs.copy_comparison import CopyComparison
from testbed.errors import TestbedError
from testbed.machines.machine import ExecResult, Machine, Power
from testbed.wait import wait_until

# Three quarters of a minute on an idle cluster without hardware virtualisation, for 1 GiB; a busy one takes far longer.
COMPARE_SECONDS = 1200.0
PROGRAM = "/usr/lib/testbed/verify-copies"
# What _POLL ends with when the command still runs, and when the command is unknown.
RUNS, GONE = 75, 76
_START = """
files=$1
shift
: >"$files.begun"
{
    "$@" >"$files.out" 2>"$files.err"
    echo "$?" >"$files.new"
    mv "$files.new" "$files.status"
} </dev/null >/dev/null 2>&1 &
"""
_POLL = f"""
[ -e "$1.begun" ] || exit {GONE}
[ -e "$1.status" ] || exit {RUNS}
cat "$1.out"
cat "$1.err" >&2
read -r status <"$1.status"
rm -f "$1".*
exit "$status"
"""
# VERIFY_SECONDS is how often a primary compares by itself; without it never.
DAILY = f'. /usr/lib/testbed/common; [ -z "${{VERIFY_SECONDS:-}}" ] || exec {PROGRAM} repair'


def compare(primary: Machine, *, repair: bool = False) -> CopyComparison:
    """Have DRBD compare both copies while they are in use.

    Args:
        primary: the node that is DRBD's primary, with its peer connected.
        repair: give the standby the primary's blocks where they differ.

    Raises:
        TestbedError: the copies could not be compared, or not repaired.
    """
    return parse(_output(primary, [PROGRAM, *(["repair"] if repair else [])]))


def resynchronise(primary: Machine) -> CopyComparison:
    """Give the standby the primary's blocks where an earlier comparison found a difference.

    Args:
        primary: the node that is DRBD's primary now, with its peer connected.

    Raises:
        TestbedError: PostgreSQL cannot read its tables on the primary, or the standby did not get the blocks.
    """
    return parse(_output(primary, [PROGRAM, "resynchronise"]))


def compare_as_daily(primary: Machine, within: float = COMPARE_SECONDS) -> CopyComparison | None:
    """Have a primary do at once what its profile has it do each day.

    Args:
        primary: the node that is DRBD's primary.
        within: seconds after which to give up.

    Returns:
        What it found; None under a profile that compares nothing.

    Raises:
        TestbedError: the copies could not be compared, or not repaired.
    """
    output = _output(primary, ["sh", "-c", DAILY], within)
    return parse(output) if output else None


def _output(primary: Machine, command: list[str], within: float = COMPARE_SECONDS) -> str:
    """What a long command prints; it runs in the background, because the guest agent serves one client at a time."""
    files = f"/run/testbed/verify.{secrets.token_hex(4)}"
    result = primary.exec(["sh", "-c", _START, "start", files, *command])
    if result.status == 0:
        result = wait_until(
            lambda: _result(primary, files), within, "DRBD to compare both copies", interval=2.0,
            hint=f"`testbed exec {primary.name} cat /proc/drbd` shows how far it is",
        )  # fmt: skip
    return result.check("the copies could not be compared or repaired", primary.name).strip()


def _result(primary: Machine, files: str) -> ExecResult:
    """How the command ended.

    Raises:
        TestbedError: it still runs.
    """
    if primary.power() is Power.OFF:
        return ExecResult(GONE, "", "the node lost its power")
    result = primary.exec(["sh", "-c", _POLL, "poll", files])
    if result.status == GONE:
        return ExecResult(GONE, "", "the node was restarted meanwhile")
    if result.status == RUNS:
        raise TestbedError("the comparison still runs", where=primary.name)
    return result


def parse(output: str) -> CopyComparison:
    """A comparison from the output of ``verify-copies``, such as ``out-of-sync=43132 repaired=0``.

    Raises:
        TestbedError: it holds no result.
    """
    found = re.search(r"^out-of-sync=(\d+) repaired=(\d+)$", output, re.MULTILINE)
    if not found:
        raise TestbedError(f"the copies could not be compared: the node printed {output.strip()!r}")
    return CopyComparison(int(found[1]), int(found[2]))
