"""A dying disk: every request fails with an I/O error."""

from __future__ import annotations

from testbed.faults.fault import MachineFault, NoOptions, wait_until_ready
from testbed.machines import Machine, Power
from testbed.roles.database_state import DATA_DISK
from testbed.topology import Role


class DiskError(MachineFault[NoOptions]):
    """Lets the backing device of DRBD fail, below the guest.

    At its next request DRBD detaches the disk (``on-io-error detach``) and uses the peer's disk. Healing repairs the
    disk with its old contents and attaches it again. DRBD then resynchronises it.
    """

    name = "disk-error"
    effect = "let every request to the disk under DRBD fail"
    healing = "it works again, and DRBD attaches it again"
    roles = (Role.DATABASE,)
    why_other_roles_cannot = "it has no DRBD device"
    why_containers_cannot = "its disk is the host's"
    alarms = ("disk-error",)
    hunt_weight = 2
    Options = NoOptions

    def inject(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Break the disk."""
        machine.break_disk(DATA_DISK)

    def heal(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Repair the disk, and have DRBD attach it; a node that was off attaches it when it boots."""
        if machine.power() is Power.OFF:
            return
        machine.repair_disk(DATA_DISK)
        if wait_until_ready(machine):
            _attach(machine)


# DRBD attaches an outdated copy only while the newer one is connected ("can only attach to the data we lost last"). The
# node with the newer one may still boot, so the guest itself retries for some minutes. Without the peer's copy in reach
# it retries every 10 s only, because DRBD logs each refusal. A primary without a disk refuses an old copy of its peer
# and stands alone; it connects again when it has its own copy.
_ATTACH = """
connect='grep -q cs:StandAlone /proc/drbd && drbdadm connect database; true'
drbdadm attach database && { sh -c "$connect"; exit 0; }
status=$?
grep -q 'ds:Diskless/\\(DUnknown\\|Outdated\\|Inconsistent\\)' /proc/drbd || exit "$status"
setsid sh -c 'for each in $(seq 150); do
    sleep 2
    grep -q ds:Diskless /proc/drbd || exit
    grep -q ds:Diskless/UpToDate /proc/drbd || [ "$((each % 5))" = 1 ] || continue
    drbdadm attach database && { '"$connect"'; } && exit
done' </dev/null >/dev/null 2>&1 &
"""


def _attach(machine: Machine) -> None:
    """Attach the disk unless it is attached; drbdadm waits for a detach in progress."""
    state = machine.exec(["/lib/drbd/drbdsetup-84", "dstate", "0"]).stdout.partition("/")[0].strip()
    if state in ("Diskless", "Failed", "Detaching"):
        machine.exec(["sh", "-c", _ATTACH], timeout=60).check("DRBD does not take the disk back", machine.name)
