"""PostgreSQL in a database guest, when a fault has ended it: nobody restarts it in the design of 2006."""

from __future__ import annotations

from testbed.faults.fault import done
from testbed.machines import Machine

# A crashed server recovers first; under emulation that takes its time.
RESTART_SECONDS = 90.0

# Promotion may find any part done: address, DRBD and mount are there, the server is not.  Under the lock, so that it
# never runs beside another promotion or a demotion.
_RESTART = """
. /usr/lib/testbed/common
wish master || exit 0
read -r server <"$pgdata/postmaster.pid" && read -r name <"/proc/$server/comm" && [ "$name" = postgres ] && exit 0
# The sessions of a server that was killed end by themselves; a new one beside them would write to the same files.
tenths=100
while pgrep -u postgres -x postgres >/dev/null; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || { echo "sessions of the server that was killed do not end" >&2; exit 1; }
    sleep 0.1
done
flock -o "$lock" /usr/lib/testbed/promote </dev/null >>/var/log/role.log 2>&1
"""


def restart(machine: Machine) -> None:
    """Start PostgreSQL again where it should run and does not: on the master of the database's address.

    Raises:
        TestbedError: it does not come.
    """
    done(machine, _RESTART, "PostgreSQL does not start again", timeout=RESTART_SECONDS)
