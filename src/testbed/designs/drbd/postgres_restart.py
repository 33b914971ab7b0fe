"""Restart of PostgreSQL after a fault: the 2006 design has no supervisor for it."""

from __future__ import annotations

from testbed.faults.fault import run_script
from testbed.machines import Machine

# A crashed server recovers first, which is slow under emulation.
RESTART_SECONDS = 90.0

# Promotion skips the parts that are done: address, replication and mount. The lock keeps it from running during another
# promotion or a demotion.
_RESTART = """
. /usr/lib/testbed/common
wish master || exit 0
read -r server <"$pgdata/postmaster.pid" && read -r name <"/proc/$server/comm" && [ "$name" = postgres ] && exit 0
# Sessions of a killed server end by themselves. A new server before that would write to the same files.
tenths=100
while pgrep -u postgres -x postgres >/dev/null; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || { echo "sessions of the server that was killed do not end" >&2; exit 1; }
    sleep 0.1
done
flock -o "$lock" /usr/lib/testbed/promote </dev/null >>/var/log/role.log 2>&1
"""


def restart(machine: Machine) -> None:
    """Start PostgreSQL if this node should serve and does not, because it holds the database address.

    Raises:
        TestbedError: PostgreSQL does not start.
    """
    run_script(machine, _RESTART, "PostgreSQL does not start again", timeout=RESTART_SECONDS)
