"""The commands that end a split brain: DRBD stays apart when both sides were written to."""

from __future__ import annotations

from testbed.machines.machine import Machine
from testbed.output_line import last_line

DISCONNECT = "grep -q cs:StandAlone /proc/drbd || drbdadm disconnect database"
DISCARD = "drbdadm secondary database && drbdadm connect --discard-my-data database"
RECONNECT = "grep -q cs:StandAlone /proc/drbd && drbdadm connect database || true"
# DRBD's generation identifiers: current, bitmap, history, flags (drbdsetup(8), show-gi).
GENERATION = "drbdadm get-gi database"
# DRBD's metadata lies at the end of the disk, so that the filesystem can be mounted without DRBD.
OPEN_COPY = """
. /usr/lib/testbed/common
drbdadm down database
mount -t "$DATABASE_FILESYSTEM" -o noatime /dev/vdb "$mountpoint" || exit 1
rm -f "$pgdata/postmaster.pid"
as_postgres "$postgres/pg_ctl" -D "$pgdata" -w -t 60 -s -l /tmp/log -o "-c listen_addresses=''" start
"""


def disconnect(machine: Machine) -> None:
    """Disconnect a node from its peer, unless it stands alone.

    Raises:
        TestbedError: DRBD refuses.
    """
    _run(machine, DISCONNECT)


def replace_data(loser: Machine, survivor: Machine) -> None:
    """Overwrite the loser's data with the survivor's.

    Raises:
        TestbedError: DRBD refuses.
    """
    _run(loser, DISCARD)
    _run(survivor, RECONNECT)


def generation(machine: Machine) -> str:
    """Return DRBD's identifiers of a node's data."""
    return last_line(machine.exec(["sh", "-c", GENERATION]).stdout, otherwise="unknown")


def _run(machine: Machine, script: str) -> None:
    machine.exec(["sh", "-c", script]).check("DRBD does not reconnect", machine.name)
