"""The exercise that the paper leaves open: the same figures on other filesystems than ext3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from testbed.bench.paper.paper_model import PaperClaim
from testbed.bench.session.subject import Measure, Options, Take
from testbed.cluster import Cluster
from testbed.designs.drbd.paper.disks import CONNECTED, FILESYSTEMS, RAW, bench_disks
from testbed.designs.drbd.paper.guest import BenchGuest
from testbed.progress import PrintLine


def _replicated(filesystem: str) -> str:
    return f"{filesystem}, DRBD"


def _raw(filesystem: str) -> str:
    return f"{filesystem}, raw disk"


class Filesystems(PaperClaim):
    """Transactions by filesystem, with DRBD and without it."""

    key = "filesystems"
    title = "The same by filesystem"
    method = (
        "As for the transactions, with one client, on a disk for each filesystem: through DRBD with protocol C, and on "
        "the disk itself. The paper uses ext3, says that other filesystems would do, and gives no figures for them."
    )
    variants = tuple(name(filesystem) for filesystem in FILESYSTEMS for name in (_replicated, _raw))
    bases: ClassVar[Mapping[str, str]] = {_replicated(each): _raw(each) for each in FILESYSTEMS}
    base_title = "the raw disk with the same filesystem"
    measures = (
        Measure("select-1", "SELECT, 1 client", "transactions/s"),
        Measure("write-1", "UPDATE/DELETE, 1 client", "transactions/s"),
    )

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Add the disks and fill each."""
        turns = {
            **{_replicated(each): (each, CONNECTED) for each in FILESYSTEMS},
            **{_raw(each): (each, RAW) for each in FILESYSTEMS},
        }

        def measure(guest: BenchGuest) -> dict[str, float]:
            return guest.pgbench(options.seconds, (1,))

        def take(variant: str) -> dict[str, float]:
            filesystem, mode = turns[variant]
            return pair.turn(filesystem, mode, "C", measure)

        with bench_disks(cluster, print_line) as pair:
            for filesystem in FILESYSTEMS:
                print_line(f"  filling the disk: {filesystem}")
                pair.make(filesystem)
            yield take
