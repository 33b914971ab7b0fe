"""Bringing the cluster up and taking it down."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection
from pathlib import Path

from docker.errors import DockerException

from testbed import applications
from testbed.cluster import (
    application_databases,
    application_images,
    labels,
    node_folders,
    project,
    secrets,
    unrecorded_faults,
)
from testbed.cluster.cluster import Cluster
from testbed.cluster.cluster_recovery import MayTry, SplitBrainError, always, recover, try_members
from testbed.cluster.health import complaints
from testbed.cluster.login_check import first_page
from testbed.cluster.node_logs import save_logs
from testbed.cluster.pool_changes import must_serve
from testbed.cluster.shape import remember
from testbed.cluster.split_brain_repair import repair_split_brain
from testbed.cluster.start_record import forget_start
from testbed.cluster.unfinished_disks import forget_disk_changes, must_have_complete_disks
from testbed.cluster.vm_starts import vm_starts
from testbed.designs.design_registry import design_of
from testbed.errors import TestbedError, UsageError
from testbed.faults import heal_all
from testbed.host import engine, identity, project_owner
from testbed.machines import Power, packet_rules
from testbed.machines.machine import last_log_line
from testbed.openbsd.node import guest_files
from testbed.progress import PrintLine, Progress
from testbed.roles import pool_member
from testbed.settings import CLUSTER_LABEL, Settings
from testbed.topology import Role
from testbed.wait import FinalError, wait_until

# How long a cluster may take to become healthy by itself, after a fault or a run.
HEALTHY_SECONDS = 180.0
BOOT_SECONDS = 180.0
# An emulated OpenBSD's kernel and rc(8) take minutes; its container gives it as long (images/lb-openbsd).
OPENBSD_BOOT_SECONDS = 600.0
# A node that gets a new application may have a container image to unpack.
LOAD_SECONDS = 300.0


def up(cluster: Cluster, progress: Progress, *, keep: bool = False) -> None:
    """Bring the cluster up; a cluster that is up is left alone, a damaged one is repaired.

    Args:
        cluster: with its images built.
        progress: shows each step.
        keep: leave a cluster that does not become healthy up, for inspection.

    Raises:
        TestbedError: it did not become healthy; unless ``keep``, nothing of a new cluster is left running.
    """
    must_have_complete_disks(cluster.settings)
    cluster_id = identity.ensure(cluster.settings)
    if old := cluster.fleet.outdated():
        raise UsageError(
            f"{' and '.join(old)} still run from an older image, which has been rebuilt since",
            fix="run `testbed down`, then `testbed up`: a fresh cluster gets the new one",
        )
    fresh = not project_owner.claim(engine.client(), cluster.settings).exists
    if not fresh:
        must_serve(cluster)
        if not secrets.exist(cluster.settings.state_dir):
            raise UsageError(
                f"the cluster's secrets are not in {cluster.settings.state_dir}, and its nodes have no others",
                fix="put that folder back; or run `testbed down`, then `testbed up` for one without data",
            )
    secrets.ensure(cluster.settings.state_dir, cluster.topology)
    secrets.ensure_database_passwords(cluster.settings.state_dir, cluster.topology)
    _write_node_files(cluster)
    pending = _pending_applications(cluster.settings)
    if fresh:
        pending.unlink(missing_ok=True)  # nodes that are new read them as they start
    remember(cluster.settings, cluster.shape)
    node_folders.make(cluster.settings, cluster.topology)
    try:
        if fresh:
            _sweep(cluster, progress)
        else:
            heal(cluster, progress)
        with progress.step("starting the nodes"):
            project.start(cluster.settings, cluster.shape, cluster.settings.logs_dir / "compose.log")
        if pending.exists():
            load_applications(cluster)
            pending.unlink()
        _forget_members(cluster)
        _make_databases_first(cluster, progress)
        with progress.step("waiting until every part serves"):
            restore(cluster, progress, _boot_seconds(cluster))
        for line in vm_starts(cluster) if fresh else ():
            progress.print_line(f"  {line}")
        _make_databases(cluster, progress)
        _log_in(cluster, progress)
    except (TestbedError, DockerException) as error:
        folder = save_logs(cluster)
        if fresh and not keep:
            project.remove([cluster_id])
        raise TestbedError(f"{error} (logs: {folder})") from None


def _log_in(cluster: Cluster, progress: Progress) -> None:
    with progress.step("logging in to the webmail through the site's virtual address"):
        first_page(cluster)
    for node in cluster.topology.of_role(Role.SINGLE):
        with progress.step("logging in to the single server"):
            first_page(cluster, site=node.name)


def start(cluster: Cluster) -> None:
    """Recreate what its shape changes in a cluster that is up, and return before it serves.

    Args:
        cluster: in its new shape, with its images built.
    """
    _write_node_files(cluster)
    remember(cluster.settings, cluster.shape)
    project.start(cluster.settings, cluster.shape, cluster.settings.logs_dir / "compose.log")


def _make_databases(cluster: Cluster, progress: Progress) -> None:
    for name in application_databases.ensure(cluster):
        progress.print_line(f"  made the database {name}")


def _make_databases_first(cluster: Cluster, progress: Progress) -> None:
    """Make the databases before applications are waited for whose health check may need one.

    A cluster whose database does not serve is repaired first, as any other.
    """
    if not any(each.database and each.has_own_health for each in cluster.topology.applications.values()):
        return

    def serves() -> bool:
        return any(each.serving for each in cluster.state(Role.DATABASE).databases)

    with contextlib.suppress(TestbedError), progress.step("waiting for the database"):
        wait_until(serves, _boot_seconds(cluster), "the database", interval=1.0)
        _make_databases(cluster, progress)


def _boot_seconds(cluster: Cluster) -> float:
    platforms = {node.keys.platform for node in cluster.topology.nodes.values()}
    return OPENBSD_BOOT_SECONDS if "openbsd" in platforms and cluster.shape.accel == "tcg" else BOOT_SECONDS


def heal(cluster: Cluster, progress: Progress) -> int:
    """Heal every fault the ledger holds, and those that no record names.

    A fault that cannot be healed stays on record, and is reported; the rest is healed.

    Returns:
        How many faults of the ledger were healed.

    Raises:
        TestbedError, DockerException, OSError: faults without a record could not be looked for; all else was done.
    """
    recorded = cluster.ledger.readable_entries()
    try:
        heal_all(cluster.fleet, cluster.ledger)
    except (TestbedError, DockerException, OSError) as error:
        progress.print_line(f"  not healed: {error}")
    left = {entry.key for entry in cluster.ledger.readable_entries()}
    healed = [entry for entry in recorded if entry.key not in left]
    for entry in healed:
        progress.print_line(f"  healed {entry.fault} on {entry.node}")
    for path in cluster.ledger.set_aside_damaged():
        progress.print_line(f"  {path}: not a fault's record; its fault is looked for on the nodes")
    trouble: Exception | None = None
    try:
        for line in unrecorded_faults.undo(cluster):
            progress.print_line(f"  {line}")
    except unrecorded_faults.TROUBLE as error:  # undo has reported it already
        trouble = error
    _end_drains(cluster, progress)
    if trouble:
        raise trouble
    return len(healed)


def _sweep(cluster: Cluster, progress: Progress) -> None:
    for line in unrecorded_faults.sweep_host(cluster):
        progress.print_line(f"  {line}")


def restore(cluster: Cluster, progress: Progress, deadline: float = HEALTHY_SECONDS) -> None:
    """Bring the cluster back to health, and heal what could not be healed before.

    Args:
        cluster: the cluster, after ``heal``.
        progress: shows each remedy.
        deadline: seconds for a cluster that becomes healthy by itself; each remedy has its own time besides.

    Raises:
        SplitBrainError: both copies of the database have data of their own.
        TestbedError: no remedy helped, or a fault cannot be healed.
    """
    _recover(cluster, deadline, lambda line: progress.print_line(f"  {line}"), always)


def _recover(cluster: Cluster, deadline: float, print_line: PrintLine, may_try: MayTry) -> None:
    """Bring the cluster back to health; a fault that could not be healed while it was stuck is healed then."""
    recover(cluster, deadline, print_line, may_try)
    if cluster.ledger.readable_entries():
        heal_all(cluster.fleet, cluster.ledger)
        recover(cluster, deadline, print_line, may_try)


def _end_drains(cluster: Cluster, progress: Progress) -> None:
    """Have nodes serve again that a `roll` had drained that was cut off: no record names them."""
    for balancer in cluster.state(Role.BALANCER).balancers:
        left = {
            (member.application, member.name)
            for member in balancer.members
            if member.draining and (member.application, member.name) not in balancer.out
        }
        for application, node in sorted(left):
            progress.print_line(f"  {balancer.node}: {node} was still drained, from {application}")
            pool_member.decide(cluster.machine(balancer.node), "enable", application, node, until_boot=True)


def wait_healthy(cluster: Cluster, deadline: float = HEALTHY_SECONDS, may_try: MayTry = always) -> None:
    """Wait until nothing is wrong with the cluster.

    Args:
        deadline: seconds.
        may_try: called with a balancer and an app node before testbed has that balancer try that node again.

    Raises:
        SplitBrainError: the copies have parted for good, so that waiting is of no use.
        FinalError: a node went off.
        WaitTimeout: the time is over; the message names what is wrong.
    """
    wrong: list[str] = ["not known yet"]

    def healthy() -> bool:
        state = cluster.state()
        wrong[:] = complaints(state, cluster.topology)
        if off := [name for name, power in state.power.items() if power is Power.OFF]:
            last = last_log_line(cluster.machine(off[0]))
            raise FinalError(f"{off[0]} went off: {last}", fix=f"`testbed logs {off[0]}` shows more")
        if state.split_brain:
            raise SplitBrainError(design_of(cluster.topology).replication)
        try_members(cluster, state, may_try)
        return not wrong

    wait_until(
        healthy, deadline, "a healthy cluster", interval=1.0, describe=lambda: "; ".join(wrong),
        hint="`testbed status` shows the cluster, `testbed logs NODE` the log of a node",
    )  # fmt: skip


def _forget_members(cluster: Cluster) -> None:
    """Have the balancers drop app nodes that were scaled away; left alone, they would take them for dead."""
    machines = {machine.name for machine in cluster.fleet.machines(Role.APP)}
    for balancer in cluster.state(Role.BALANCER).balancers:
        known = {member.name for member in balancer.members} | {node for _, node in balancer.out}
        for name in sorted(known - machines):
            pool_member.forget(cluster.machine(balancer.node), name)


def _silent(_: str) -> None:
    """Print nothing."""


def make_healthy(
    cluster: Cluster, deadline: float = HEALTHY_SECONDS, may_try: MayTry = always, print_line: PrintLine = _silent
) -> str:
    """Bring the cluster back to health; a split brain, which would stay for ever, is resolved.

    Args:
        cluster: the cluster, its faults healed; those that could not be are tried once more.
        deadline: seconds for a cluster that becomes healthy by itself; each remedy has its own time besides.
        may_try: as for ``wait_healthy``.
        print_line: called with each remedy, in one line.

    Returns:
        The database node whose data was dropped, empty if none had to be.

    Raises:
        TestbedError: it does not become healthy.
    """
    try:
        _recover(cluster, deadline, print_line, may_try)
    except SplitBrainError:
        discarded = repair_split_brain(cluster)
        _recover(cluster, deadline, print_line, may_try)
        return discarded
    return ""


def down(settings: Settings, others: Collection[str] = (), print_line: PrintLine = _silent) -> None:
    """Remove everything of the cluster: containers, networks, volumes, sockets, secrets and records; logs stay.

    Args:
        settings: the project.
        others: identities of clusters of our project's name that are to go as well.
        print_line: called with a line when rules on the host could not be looked for; then the identity stays.

    Raises:
        UsageError: a container that testbed did not make is on a network; nothing has been removed.
    """
    own = identity.read(settings)
    unswept = _remove(settings, [known for known in (own, *others) if known], print_line)
    forget(settings)
    if own not in unswept:
        identity.forget(settings)  # last: without it, nothing above could be tried again


def take_over(settings: Settings, clusters: Collection[str], print_line: PrintLine = _silent) -> None:
    """Remove clusters of our project's name that are not ours, with the rules that they left on the host.

    Args:
        settings: ours.
        clusters: their identities.
        print_line: called with a line when rules on the host could not be looked for.

    Raises:
        UsageError: a container that testbed did not make is on a network; nothing has been removed.
    """
    _remove(settings, clusters, print_line)
    if not project.exists(settings):
        forget(settings)


def _remove(settings: Settings, clusters: Collection[str], print_line: PrintLine) -> list[str]:
    """Remove clusters and their rules on the host; returns those whose rules could not be looked for."""
    client, unswept = engine.client(), []
    project.must_have_own_networks(clusters)
    images = {each: packet_rules.image_with_nft(client, settings.images, each) for each in clusters}
    project.remove(clusters)
    for each, image in images.items():
        of_helper = {**identity.labels(settings), CLUSTER_LABEL: each}
        try:
            packet_rules.delete_host_tables(client, image, of_helper)
        except packet_rules.NoNftError as error:
            print_line(f"  {error}")
            unswept.append(each)
    return unswept


def forget(settings: Settings) -> None:
    """Delete the files of a cluster that no longer exists, but for its identity."""
    shutil.rmtree(settings.run_dir / settings.project, ignore_errors=True)
    with contextlib.suppress(OSError):  # another project may have its sockets there
        settings.run_dir.rmdir()
    for name in ("nodes", "pki", "faults"):
        shutil.rmtree(settings.state_dir / name, ignore_errors=True)
    (settings.state_dir / "cluster.json").unlink(missing_ok=True)
    forget_start(settings)
    forget_disk_changes(settings)
    for file in (_pending_applications(settings), labels.file(settings)):
        file.unlink(missing_ok=True)


def load_applications(cluster: Cluster) -> None:
    """Have nodes that ran before take up a changed table; pool discovery looks at it by itself.

    Raises:
        TestbedError: a node could not.
    """
    for machine in cluster.fleet.machines():
        commands = {Role.APP: ["env", f"APP_NODE={machine.name}", "applications"], Role.BALANCER: ["firewall"]}
        command = commands.get(machine.node.role)
        if command and machine.node.keys.platform == "debian":
            machine.exec(command, timeout=LOAD_SECONDS).check("it does not load the new applications", machine.name)


def _pending_applications(settings: Settings) -> Path:
    """Return the file that exists while nodes have not loaded changed applications; it survives a killed command."""
    return settings.state_dir / "applications-pending"


def _write_node_files(cluster: Cluster) -> None:
    """What nodes read of the applications; and an OpenBSD balancer's network, packet filter, server and keys."""
    settings = cluster.settings
    noted = _pending_applications(settings).exists()
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    _pending_applications(settings).touch()
    programs = application_images.programs(cluster.topology)
    application_images.export(settings.state_dir, programs)
    folders = cluster.shape.application_folders
    if not applications.write(settings.state_dir, cluster.topology, folders, programs) and not noted:
        _pending_applications(settings).unlink()
    application_images.delete_others(settings.state_dir, programs)
    for node in cluster.topology.of_role(Role.BALANCER):
        if node.keys.platform == "openbsd":
            guest_files.write(settings.state_dir, cluster.topology, node.name, settings.root / "images" / "lb")
