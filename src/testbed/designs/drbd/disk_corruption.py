"""Silent corruption: blocks of a disk change below DRBD, without an I/O error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.designs.drbd import drbd_state, online_verification
from testbed.errors import TestbedError
from testbed.faults.fault import Fault, NoOptions, run_script, wait_until_ready
from testbed.machines import Machine, Power
from testbed.machines.machine import off_reason
from testbed.topology import Role
from testbed.wait import wait_until

if TYPE_CHECKING:
    from testbed.machines.fleet import Fleet

CONNECT_SECONDS = 120.0
HAND_OVER_SECONDS = 90.0

# Where the tables and indexes of the webmail and of the probes lie on the volume, as `BLOCK+BLOCKS` in 4 KiB
# (filefrag(8)). DRBD keeps its metadata at the end of the disk, so a block has the same number on both devices. btrfs
# has addresses of its own. The script ends with 3 where nothing is mounted.
_LIST_BLOCKS = r"""
. /usr/lib/testbed/common
grep -q "^$device $mountpoint " /proc/mounts || exit 3
if [ "$DATABASE_FILESYSTEM" = btrfs ]; then
    echo "btrfs does not on_step where a file lies on the disk" >&2
    exit 1
fi
sync -f "$mountpoint"
as_postgres psql -qtAX -c "select oid from pg_database where datname in ('horde', 'probe')" postgres |
    while read -r oid; do find -L "$pgdata/base/$oid" -type f -size +0; done |
    xargs filefrag -v -b4096 |
    awk -F: '/^ *[0-9]+: / { split($3, place, "."); printf "%d+%d\n", place[1], $4 }'
"""
# Writes below DRBD, and flushes the page cache. Every Debian has perl.
_OVERWRITE = r"""
perl -e '
    open my $random, "<", "/dev/urandom" or die "/dev/urandom: $!\n";
    open my $disk, "+<", "/dev/vdb" or die "/dev/vdb: $!\n";
    sysread $random, my $noise, 1 << 20;
    for (@ARGV) {
        my ($block, $blocks) = split /\+/;
        sysseek $disk, $block * 4096, 0 or die "/dev/vdb: $!\n";
        for (; $blocks > 0; $blocks -= 256) {
            syswrite $disk, $noise, 4096 * ($blocks < 256 ? $blocks : 256) or die "/dev/vdb: $!\n";
        }
    }
' "$@" && blockdev --flushbufs /dev/vdb
"""


class DiskCorruption(Fault[NoOptions]):
    """Overwrites the tables on one node's disk with random bytes, below DRBD and without an error.

    DRBD does not notice, because it does not read a standby's disk. To heal it, DRBD compares both copies, and the node
    gets the blocks of its peer. If the node is primary by then, its peer takes over first.
    """

    name = "disk-corruption"
    effect = "overwrite the tables on the disk below DRBD, without an error"
    healing = "DRBD copies the peer's blocks"
    roles = (Role.DATABASE,)
    why_other_roles_cannot = "it has no DRBD device"
    why_containers_cannot = "its disk is the host's"
    # Only the comparison of both copies shows it, which takes minutes (incident `copies-differ`).
    hunt_weight = 0
    Options = NoOptions

    def inject_in_fleet(self, fleet: Fleet, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Overwrite the blocks of the tables, which the node with the mounted volume lists."""
        places = _table_blocks(fleet)
        if not places:
            raise TestbedError("the blocks of the tables are unknown", fix="`testbed status` shows the cluster")
        overwritten = machine.exec(["sh", "-c", _OVERWRITE, "overwrite", *places], timeout=60)
        overwritten.check("the disk cannot be overwritten", machine.name)

    def heal_in_fleet(self, fleet: Fleet, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Compare both copies, and copy the peer's blocks where they differ."""
        for each in fleet.machines(Role.DATABASE):
            if each.power() is Power.OFF:
                raise TestbedError(
                    "the node is off, so DRBD cannot compare both copies", where=each.name, fix="run `testbed heal`"
                )
        primary = wait_until(
            lambda: _primary(fleet), CONNECT_SECONDS, "both copies to be connected",
            fatal=lambda: off_reason(*fleet.machines(Role.DATABASE)),
        )  # fmt: skip
        if not online_verification.compare(primary).equal:
            _take_from_peer(fleet, machine)


def _take_from_peer(fleet: Fleet, machine: Machine) -> None:
    """Copy the peer's blocks to a node; the peer must be primary for that."""
    if _primary(fleet).name == machine.name:
        run_script(machine, "resign", "it does not step down")
    peer = wait_until(
        lambda: _primary(fleet, but=machine.name), HAND_OVER_SECONDS, f"the peer of {machine.name} to serve",
        hint="`testbed heal` again, when it does", fatal=lambda: off_reason(*fleet.machines(Role.DATABASE)),
    )  # fmt: skip
    try:
        online_verification.resynchronise(peer)
    except TestbedError as error:
        # After a power loss DRBD copies complete extents from the former primary, including invalid blocks.
        raise TestbedError(
            f"both copies of the tables may be invalid: {error.what}", where=peer.name,
            fix="restore a backup with `testbed restore FILE`, or drop the data with `testbed down` and `testbed up`",
        ) from error  # fmt: skip


def _table_blocks(fleet: Fleet) -> list[str]:
    for machine in fleet.machines(Role.DATABASE):
        if machine.power() is not Power.ON or not wait_until_ready(machine):
            continue
        result = machine.exec(["sh", "-c", _LIST_BLOCKS], timeout=60)
        if result.status == 0:
            return result.stdout.split()
        if result.status != 3:
            raise TestbedError(f"the tables' blocks cannot be listed: {result.stderr.strip()}", where=machine.name)
    raise TestbedError("no database machine has the volume mounted", fix="`testbed status` shows the cluster")


def _primary(fleet: Fleet, but: str = "") -> Machine:
    """Return the primary whose peer is connected and up to date.

    Raises:
        TestbedError: there is none, or it is the node ``but``.
    """
    address = str(fleet.topology.database.address)
    for machine in fleet.machines(Role.DATABASE):
        state = drbd_state.state(machine, address)
        if state.drbd_role == "Primary" and state.mounted and state.replicated and machine.name != but:
            return machine
    raise TestbedError("no database machine serves with both copies connected", fix="`testbed status` shows DRBD")
