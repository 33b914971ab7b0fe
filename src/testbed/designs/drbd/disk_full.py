"""A full filesystem under the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.designs.drbd import postgres_restart
from testbed.errors import TestbedError
from testbed.faults.fault import Fault, NoOptions, run_script, wait_until_ready, why_not_running
from testbed.machines import Machine, Power
from testbed.topology import Role
from testbed.wait import wait_until

if TYPE_CHECKING:
    from testbed.machines.fleet import Fleet

MOUNT_SECONDS = 60.0

# ext3 and ext4 without a checksum over the superblock: its field s_r_blocks_count_lo (byte 1032 of the device) says how
# many blocks are kept for root; the kernel reads it for each allocation, from the very page that is written here. All
# of them are reserved: PostgreSQL, which is not root, finds no free block at once, and no block is written. (tune2fs
# reserves at most half, and writes the complete superblock of a mounted filesystem.) Filesystems with extents (ext4,
# xfs, btrfs) are filled by an empty file: space is allocated, and nothing is written. xfs and btrfs keep some blocks
# for their own trees and refuse to allocate the last ones; these few are written. The script ends with 3 where nothing
# is mounted.
_PRELUDE = r"""
. /usr/lib/testbed/common
grep -q "^$device $mountpoint " /proc/mounts || exit 3
kept() { printf "$1" | dd of="$device" bs=1 seek=1032 conv=notrunc status=none; }
filler=$mountpoint/filler
rest=$filler.rest
"""
# The filler runs in a process group of its own, whose leader is timeout(1), so that it can be ended at any time.
_FILL = (
    _PRELUDE
    + r"""
echo "$PPID" >"$state/filler"
trap 'rm -f "$state/filler"' EXIT
if grep -q "^$device $mountpoint ext3 " /proc/mounts; then
    kept '\377\377\377\000'
else
    # In ever smaller pieces, until no block is left.
    for size in 64M 8M 1M 64K 4K; do
        while fallocate -o "$(stat -c %s "$filler" 2>/dev/null || echo 0)" -l "$size" "$filler" 2>/dev/null; do :; done
    done
    dd if=/dev/zero of="$rest" bs=4096 conv=fsync status=none 2>/dev/null
fi
# The filesystem's count of free blocks includes blocks that it keeps for itself. So try to write one as PostgreSQL's
# user.
if as_postgres dd if=/dev/zero of="$pgdata/wanted" bs=4096 count=1 conv=fsync status=none 2>/dev/null; then
    rm -f "$pgdata/wanted"
    echo "PostgreSQL's user still gets blocks, of $(stat -f -c %a "$mountpoint") that are free" >&2
    exit 1
fi
rm -f "$pgdata/wanted"
"""
)
_EMPTY = (
    _PRELUDE
    + r"""
# A filler that still runs would take the freed space again.
if [ -e "$state/filler" ]; then
    read -r group <"$state/filler"
    kill -KILL -- "-$group" 2>/dev/null
    rm -f "$state/filler"
fi
if grep -q "^$device $mountpoint ext3 " /proc/mounts; then
    kept '\000\000\000\000'
else
    rm -f "$filler" "$rest"
fi
sync -f "$mountpoint"
"""
)
# Ends with 0 when the blocks of a mounted volume are taken. The volume is made without blocks kept for root.
_TAKEN = (
    _PRELUDE
    + r"""
grep -q "^$device $mountpoint ext3 " /proc/mounts || { [ -e "$filler" ] || [ -e "$rest" ]; exit; }
[ "$(dd if="$device" bs=1 skip=1032 count=4 status=none | od -An -tu4 | tr -d ' ')" != 0 ]
"""
)
_MOUNTED = '. /usr/lib/testbed/common && grep -q "^$device $mountpoint " /proc/mounts'


class DiskFull(Fault[NoOptions]):
    """Leaves PostgreSQL no free block on the replicated volume.

    The volume moves with the service, so it is healed on the node that has it mounted by then. PostgreSQL may have
    given up, and is started again.
    """

    name = "disk-full"
    effect = "leave no space on the database's volume"
    healing = "free the space, and start PostgreSQL if it gave up"
    roles = (Role.DATABASE,)
    why_other_roles_cannot = "it holds no database"
    why_containers_cannot = "its disk is the host's"
    alarms = ("postgres-panic", "postgres-crash", "postgres-corruption")
    hunt_targets = ("db:primary",)
    Options = NoOptions

    def refusal(self, machine: Machine, options: NoOptions) -> str | None:  # noqa: ARG002
        """Refuse a node that has not mounted the volume."""
        if reason := why_not_running(machine):
            return reason
        mounted = machine.exec(["sh", "-c", _MOUNTED]).status == 0
        return None if mounted else "the database's volume is not mounted there: db:primary has it"

    def inject_in_fleet(self, fleet: Fleet, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Fill the volume."""
        run_script(machine, _FILL, "the volume cannot be filled", timeout=60)

    def heal_in_fleet(self, fleet: Fleet, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Free the space on the node that has the volume mounted now."""
        holder = wait_until(
            lambda: _free_where_mounted(fleet), MOUNT_SECONDS, "the database's volume to be mounted somewhere",
            hint="the volume stays full until then; run `testbed heal` again",
        )  # fmt: skip
        postgres_restart.restart(holder)


def free_volume(machine: Machine) -> bool:
    """Free the space of a full volume, if it is mounted on this node.

    Returns:
        Whether the volume was full.

    Raises:
        TestbedError: the space cannot be freed.
    """
    if machine.exec(["sh", "-c", _TAKEN]).status:
        return False
    run_script(machine, _EMPTY, "the volume cannot be emptied")
    return True


def _free_where_mounted(fleet: Fleet) -> Machine:
    """Free the space, and return the node that has the volume mounted.

    Raises:
        TestbedError: no node has, or the space cannot be freed.
    """
    for machine in fleet.machines(Role.DATABASE):
        if machine.power() is not Power.ON or not wait_until_ready(machine):
            continue
        result = machine.exec(["sh", "-c", _EMPTY])
        if result.status == 0:
            return machine
        if result.status != 3:
            raise TestbedError(f"the volume cannot be emptied: {result.stderr.strip()}", where=machine.name)
    raise TestbedError("no database machine has the volume mounted")
