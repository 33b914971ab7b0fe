"""The paper's central figure: reads about 90 %, writes about 25 % of the raw disk's speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from testbed.bench.paper.paper_model import Expectation, PaperClaim
from testbed.bench.session.subject import Measure, Options, Take
from testbed.cluster import Cluster
from testbed.designs.drbd.paper.disks import CONNECTED, DISCONNECTED, RAW, bench_disks
from testbed.designs.drbd.paper.guest import BenchGuest
from testbed.progress import PrintLine

CLIENTS = (1, 4)
C, B, A, APART, DISK = "DRBD, protocol C", "DRBD, protocol B", "DRBD, protocol A", "DRBD, disconnected", "raw disk"
# The mode and the protocol of each variant.
MODES: Mapping[str, tuple[str, str]] = {
    C: (CONNECTED, "C"), B: (CONNECTED, "B"), A: (CONNECTED, "A"), APART: (DISCONNECTED, "C"), DISK: (RAW, "C"),
}  # fmt: skip
SHARED = (
    "both guests share the host's processors and its disk, so the peer's writes slow down the node that waits for them"
)

EMULATED = "the guest's processor is emulated, and a commit waits for both guests"


class Transactions(PaperClaim):
    """Transactions and disk requests, with DRBD and without it."""

    key = "transactions"
    title = "Transactions over DRBD against the raw disk"
    method = (
        "pgbench runs in the standby guest with its own scripts and prepared statements, with one client and with "
        "four. It selects one row, and then updates and deletes one row in equal parts. fio requests go to a file past "
        "the page cache. Every variant uses the same ext3 filesystem and PostgreSQL cluster on the same virtio disk, "
        "through DRBD or on the disk itself. The peer guest runs and is idle in every variant."
    )
    variants = tuple(MODES)
    bases: ClassVar[Mapping[str, str]] = dict.fromkeys((C, B, A, APART), DISK)
    base_title = "the raw disk"
    measures = (
        Measure("select-1", "SELECT, 1 client", "transactions/s"),
        Measure("select-4", "SELECT, 4 clients", "transactions/s"),
        Measure("write-1", "UPDATE/DELETE, 1 client", "transactions/s"),
        Measure("write-4", "UPDATE/DELETE, 4 clients", "transactions/s"),
        Measure("disk-read", "sequential read, 64 KiB", "MiB/s"),
        Measure("disk-write", "sequential write, 64 KiB", "MiB/s"),
        Measure("disk-random-read", "random read, 8 KiB", "requests/s"),
        Measure("disk-commit", "random write with fdatasync, 8 KiB", "requests/s"),
    )
    expectations = (
        *(
            Expectation(f"{what} of the raw disk's speed: {kind}", measure, C, DISK, share, reason=SHARED)
            for what, share, pairs in (
                ("reads reach about 90 %", 0.9, (("transactions", "select-1"), ("requests", "disk-read"))),
                ("writes reach about 25 %", 0.25, (("transactions", "write-1"), ("requests", "disk-write"))),
            )
            for kind, measure in pairs
        ),
        Expectation("200 SELECT transactions a second", "select-1", C, at_least=200, reason=EMULATED),
        Expectation("35 to 40 UPDATE and DELETE transactions a second", "write-1", C, at_least=35, reason=EMULATED),
    )

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Add the disks, and fill the one with ext3."""
        with bench_disks(cluster, print_line) as pair:
            print_line("  filling the disk: ext3")
            pair.make("ext3")

            def measure(guest: BenchGuest) -> dict[str, float]:
                return {**guest.pgbench(options.seconds, CLIENTS), **guest.fio(options.seconds)}

            yield lambda variant: pair.turn("ext3", *MODES[variant], measure)
