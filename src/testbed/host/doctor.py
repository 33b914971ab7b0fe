"""All checks of the host, in the order in which to fix what they find."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from testbed.errors import TestbedError
from testbed.host import (
    acceleration,
    engine,
    engine_networks,
    host_addresses,
    identity,
    image_store,
    product,
    project_owner,
    resources,
)
from testbed.host.host_check import CheckLevel, HostCheck, fail, ok, warn
from testbed.progress import PrintLine
from testbed.settings import Settings
from testbed.topology import Topology

_LAST_BUILT = "db"
_ACCELERATION = "acceleration"


def examine(settings: Settings) -> list[HostCheck]:
    """Check the host; nothing is installed, started or changed.

    Args:
        settings: ports, project, folders.
    """
    uid = os.geteuid()
    findings = [resources.rights(uid)]
    try:
        client = engine.client()
        product.must_not_be_rootless(client.info())
    except TestbedError as error:
        return [*findings, fail("engine", error.what, error.fix), *_machine(settings, uid, None)]
    version = client.version()["Version"]
    findings.append(ok("engine", f"Docker {version}"))
    return [
        *findings,
        _compose(),
        _acceleration(settings, client),
        *_machine(settings, uid, client),
        project_owner.claim(client, settings).finding,
    ]


def preflight(settings: Settings, cluster: Topology, print_line: PrintLine) -> None:
    """Check the host before the cluster is brought up.

    Args:
        settings: ports, project, folders.
        cluster: from its Compose files.
        print_line: called with what the cluster can live with but the user may want to know.

    Raises:
        TestbedError: the first thing the cluster cannot run with.
    """
    findings = [*examine(settings), *networks(settings, cluster)]
    for finding in findings:
        if finding.status is CheckLevel.FAIL:
            raise TestbedError(finding.what, where=finding.name, fix=finding.fix)
    for finding in findings:
        if finding.status is CheckLevel.WARN and finding.name != _ACCELERATION:  # `up` reports that one itself
            print_line(f"  {finding.name}: {finding.what}; {finding.fix}")


def networks(settings: Settings, cluster: Topology) -> list[HostCheck]:
    """Check that nothing else on the host uses the cluster's addresses.

    Args:
        settings: the project.
        cluster: from its Compose files.
    """
    client, subnets = engine.client(), list(cluster.networks.values())
    return [check(client, settings, subnets) for check in (engine_networks.overlaps, host_addresses.overlaps)]


def _machine(settings: Settings, uid: int, client: docker.DockerClient | None) -> Iterator[HostCheck]:
    ours = _published(client, settings) if client else set()
    running = bool(ours)
    yield resources.memory(Path("/proc/meminfo").read_text(), running=running)
    place = image_store.find_store(client.info() if client else {})
    built = client is not None and _has(client, f"{settings.images}/{_LAST_BUILT}")
    yield resources.disk(place.images, resources.DISK_TO_RUN_BYTES if built else place.build_bytes)
    if not resources.same_filesystem(place.images, place.volumes):
        yield resources.disk(place.volumes, resources.DISK_TO_RUN_BYTES)
    # Of the VMs' network cards, and of the shared files on app nodes.
    yield resources.device(Path("/dev/net/tun"))
    yield resources.device(Path("/dev/fuse"))
    yield resources.kernel_networking(uid)
    ports = {"TESTBED_SITE_PORT": settings.site_port, "TESTBED_LOCUST_PORT": settings.locust_port}
    for variable, number in ports.items():
        yield resources.port(number, variable, ours=number in ours)


def _compose() -> HostCheck:
    if not engine.has_program("docker"):
        return fail(
            "compose", "no Docker client: there is no program `docker`", "run `testbed up` as root: it installs it"
        )
    if version := engine.compose_version():
        return ok("compose", f"Compose {version}")
    return fail("compose", "no Compose 2 plugin", "run `testbed up` as root: it installs the plugin")


def _acceleration(settings: Settings, client: docker.DockerClient) -> HostCheck:
    if (
        settings.accel is None
        and acceleration.device_error() is None
        and not _has(client, f"{settings.images}/{acceleration.IMAGE}")
    ):
        return ok(_ACCELERATION, "not probed yet: that takes the image testbed/vm (`testbed build vm`)")
    try:
        found = acceleration.acceleration(settings, client)
    except TestbedError as error:
        return fail(_ACCELERATION, error.what, error.fix)
    if found.kind == "kvm":
        return ok(_ACCELERATION, f"kvm: {found.reason}")
    return warn(
        _ACCELERATION, f"tcg: {found.reason}", "VMs run in software, slower; on a VM, ask for nested virtualisation"
    )


def _has(client: docker.DockerClient, tag: str) -> bool:
    try:
        client.images.get(tag)
    except ImageNotFound:
        return False
    return True


def _published(client: docker.DockerClient, settings: Settings) -> set[int]:
    """Ports that running containers of this cluster publish."""
    containers = client.api.containers(filters={"label": identity.own(settings)})
    return {each["PublicPort"] for one in containers for each in one.get("Ports") or [] if "PublicPort" in each}
