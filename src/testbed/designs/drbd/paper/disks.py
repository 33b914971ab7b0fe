"""Disks for the measurement in both database guests, for its time alone; the cluster's own data is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from docker.errors import APIError
from rich.console import Console

from testbed.cluster import Cluster, lifecycle
from testbed.designs.drbd.paper.guest import BenchGuest
from testbed.errors import TestbedError, UsageError
from testbed.host import engine, identity
from testbed.images import build_images
from testbed.incidents.runner import reshape
from testbed.machines.virtual import VirtualMachine
from testbed.progress import PrintLine, Progress
from testbed.topology import Role

OVERLAY, IMAGE, TOOLS = "bench", "bench", "bench-tools.img"
FILESYSTEMS = ("ext3", "ext4", "xfs", "btrfs")
FOLDER = f"/disk/{OVERLAY}"
# Room for an empty PostgreSQL cluster, pgbench's tables and their log.
SIZE = "512M"
HEALTHY_SECONDS = 240.0
# The modes of a turn: the disk itself, DRBD with its peer, and DRBD without.
RAW, CONNECTED, DISCONNECTED = "raw", "connected", "disconnected"


class Pair:
    """The two guests: the one that is measured, and its idle peer.

    Args:
        here: the measured one: the standby, in which no other PostgreSQL runs.
        there: its peer.
    """

    def __init__(self, here: BenchGuest, there: BenchGuest) -> None:
        self._here = here
        self._there = there

    def make(self, filesystem: str) -> None:
        """Fill a disk."""
        self._attach(filesystem, "C")
        self._here.make(filesystem)

    def turn(
        self, filesystem: str, mode: str, protocol: str, take: Callable[[BenchGuest], dict[str, float]]
    ) -> dict[str, float]:
        """Measure one variant; the peer runs and is idle in each.

        Args:
            filesystem: which disk.
            mode: ``raw``, ``connected`` or ``disconnected``.
            protocol: DRBD's.
            take: measures, with PostgreSQL running on the disk.
        """
        if mode == RAW:
            self.detach()
        else:
            self._attach(filesystem, protocol)
        self._here.begin(filesystem, mode)
        values = take(self._here)
        self._here.finish(mode)
        return values

    def detach(self) -> None:
        """Take DRBD away from the disks on both."""
        self._here.detach()
        self._there.detach()

    def _attach(self, filesystem: str, protocol: str) -> None:
        # Both must be down before either gets new metadata: one that is up would reconnect with the old.
        self.detach()
        self._there.attach(filesystem, protocol)
        self._here.attach(filesystem, protocol)

    def clean(self) -> None:
        """Remove every trace from both guests."""
        self._here.clean()
        self._there.clean()


@contextmanager
def bench_disks(cluster: Cluster, print_line: PrintLine) -> Iterator[Pair]:
    """Restart both database guests with the disks of the measurement, and without them at the end.

    The overlay ``bench`` has the disks. The remembered shape has it while they are there, so `testbed up` takes them
    away when this process was killed.

    Args:
        cluster: a cluster that is up.
        print_line: called with a line for each step.

    Raises:
        UsageError: the database nodes are not VMs.
        TestbedError: the cluster does not become healthy.
    """
    build_images(cluster.settings, cluster.topology, Progress(Console(stderr=True)), names=[IMAGE])
    own = Cluster(cluster.settings, cluster.shape.lasting())
    lifecycle.wait_healthy(cluster, HEALTHY_SECONDS)
    for machine in _machines(cluster):
        _put(cluster, machine)
    print_line("  restarting both database nodes with disks for the measurement")
    try:
        overlays = (*own.shape.overlays, OVERLAY)
        bench = reshape(own, replace(own.shape, overlays=overlays))
        lifecycle.wait_healthy(bench, HEALTHY_SECONDS)
        pair = Pair(*map(BenchGuest, _standby_first(bench)))
        try:
            yield pair
        finally:
            with suppress(TestbedError):  # the guests are restarted without these disks in any case
                pair.clean()
    finally:
        print_line("  restarting both database nodes without these disks")
        own = reshape(own, own.shape)
        lifecycle.wait_healthy(own, HEALTHY_SECONDS)
        for machine in _machines(own):
            machine.exec_in_container(["rm", "-rf", FOLDER])


def _machines(cluster: Cluster) -> list[VirtualMachine]:
    machines = [each for each in cluster.fleet.machines(Role.DATABASE) if isinstance(each, VirtualMachine)]
    if len(machines) != 2:
        raise UsageError("the database nodes are not virtual machines, so no disk can be added to them")
    return machines


def _standby_first(cluster: Cluster) -> list[VirtualMachine]:
    serving = {state.node for state in cluster.state(Role.DATABASE).databases if state.holds_address}
    return sorted(_machines(cluster), key=lambda machine: machine.name in serving)


def _put(cluster: Cluster, machine: VirtualMachine) -> None:
    """Put the disks' files into the node's volume, where its next container finds them."""
    machine.exec_in_container(["mkdir", "-p", FOLDER])
    for filesystem in FILESYSTEMS:
        result = machine.exec_in_container(
            ["qemu-img", "create", "-q", "-f", "qcow2", f"{FOLDER}/{filesystem}.qcow2", SIZE]
        )
        if result.status:
            raise TestbedError(f"no disk can be made: {result.stderr.strip()}", where=machine.name)
    client = engine.client()
    # Never started: it only holds the file.
    source = client.containers.create(
        f"{cluster.settings.images}/{IMAGE}", ["true"], labels=identity.labels(cluster.settings)
    )
    try:
        chunks, _ = source.get_archive(f"/{TOOLS}")
        client.containers.get(machine.container_id()).put_archive(FOLDER, chunks)
    except APIError as error:
        raise TestbedError(f"the disk of tools cannot be copied: {error.explanation}", where=machine.name) from None
    finally:
        source.remove(force=True)
