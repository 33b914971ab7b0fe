"""The validated cluster: nodes, networks and virtual addresses, and the rules a cluster must obey."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import chain
from typing import get_args

from testbed.designs.design_layout import DesignLayout
from testbed.designs.layout_registry import DEFAULT_NAME, DEFAULT_PROFILE, LAYOUTS
from testbed.topology.declared_probes import HttpProbeKeys, SqlProbeKeys
from testbed.topology.keys import (
    Application,
    Database,
    Dispatch,
    Filesystem,
    Mail,
    Profile,
    Releases,
    Role,
    ServiceKeys,
    SessionKeys,
    Site,
)
from testbed.yaml_source import Problem


@dataclass(frozen=True, slots=True)
class Node:
    """A service of the cluster; a scaled service stands for all its nodes.

    Attributes:
        name: the service's name.
        keys: its x-testbed block.
        image: the image it runs.
        scale: how many containers Compose starts for it.
        addresses: its fixed address on each network, None where Compose draws one.
        environment: what Compose hands it.
        design: the cluster's database design.
    """

    name: str
    keys: ServiceKeys
    image: str
    scale: int
    addresses: Mapping[str, IPv4Address | None]
    environment: Mapping[str, str]
    design: str = DEFAULT_NAME

    @property
    def role(self) -> Role:
        """The role of the node."""
        return self.keys.role

    @property
    def scalable(self) -> bool:
        """Whether Compose may start several: a fixed address allows one."""
        return not any(self.addresses.values())


@dataclass(frozen=True, slots=True)
class Topology:
    """The cluster."""

    project: str
    site: Site
    database: Database
    mail: Mail
    releases: Releases
    networks: Mapping[str, IPv4Network]
    nodes: Mapping[str, Node]
    applications: Mapping[str, Application]
    dispatch: tuple[Dispatch, ...] = ()
    profile: Profile = DEFAULT_PROFILE
    sessions: SessionKeys = field(default_factory=SessionKeys)
    volumes: tuple[str, ...] = ()
    probes: Mapping[str, HttpProbeKeys | SqlProbeKeys] = field(default_factory=dict)

    def of_role(self, role: Role) -> list[Node]:
        """The nodes of a role, in the file's order of names."""
        return [node for node in self.nodes.values() if node.role is role]

    def app_machines(self) -> tuple[str, ...]:
        """Names of all app nodes, such as ``app-1``, by number."""
        return tuple(
            f"{node.name}-{number + 1}" if node.scalable else node.name
            for node in self.of_role(Role.APP)
            for number in range(node.scale)
        )

    def machines_of(self, application: str) -> tuple[str, ...]:
        """Names of the app nodes that run an application, by number."""
        nodes = self.applications[application].nodes
        return tuple(name for name in self.app_machines() if nodes == "all" or name in nodes)

    def read_backs(self) -> dict[str, dict[str, str]]:
        """Where each application shows its acknowledged work: ``url`` or ``query``; only those that declare it."""
        return {
            name: application.read_back.model_dump(exclude_none=True)
            for name, application in self.applications.items()
            if application.read_back is not None
        }

    @property
    def layout(self) -> DesignLayout:
        """What a cluster of its database design consists of.

        Raises:
            KeyError: there is no such design; ``problems`` reports it.
        """
        return LAYOUTS[self.database.design or DEFAULT_NAME]

    @property
    def sites(self) -> dict[str, str]:
        """What users can be sent to, and its DNS name: the cluster, and the single server where there is one."""
        return {"cluster": self.site.name} | {
            node.name: node.environment["SITE_NAME"] for node in self.of_role(Role.SINGLE)
        }


def problems(topology: Topology) -> Iterator[Problem]:
    """All the rules of a cluster that ``topology`` breaks."""
    return chain(
        _addresses(topology), _virtual_addresses(topology), _design(topology), _skews(topology), _roles(topology)
    )


def _addresses(topology: Topology) -> Iterator[Problem]:
    owners: dict[IPv4Address, str] = {}
    for node in topology.nodes.values():
        for network, address in node.addresses.items():
            path = ("services", node.name, "networks", network, "ipv4_address")
            if address is None:
                continue
            if network not in topology.networks:
                yield Problem(path, f"{network} has no subnet of its own", "give it one under ipam")
                continue
            if address in owners:
                yield Problem(path, f"{address} is already the address of {owners[address]}", "give it another one")
            owners[address] = node.name
            if address not in topology.networks[network]:
                yield Problem(
                    path, f"{address} is not in {network} ({topology.networks[network]})", "choose one inside"
                )


def _virtual_addresses(topology: Topology) -> Iterator[Problem]:
    taken = {address: node.name for node in topology.nodes.values() for address in node.addresses.values() if address}
    for key, virtual in (("site", topology.site), ("database", topology.database)):
        if virtual.network not in topology.networks:
            known = ", ".join(topology.networks)
            yield Problem(("x-testbed", key, "network"), f"no network {virtual.network!r}", f"the networks are {known}")
        elif virtual.address not in topology.networks[virtual.network]:
            subnet = topology.networks[virtual.network]
            what = f"{virtual.address} is not in {virtual.network} ({subnet})"
            yield Problem(("x-testbed", key, "address"), what, "choose one inside")
        if virtual.address in taken:
            what = f"{virtual.address} is the fixed address of {taken[virtual.address]}"
            yield Problem(("x-testbed", key, "address"), what, "a virtual address must not be the address of a node")


def _skews(topology: Topology) -> Iterator[Problem]:
    for role in (Role.BALANCER, Role.DATABASE) if topology.layout.has_carp else (Role.BALANCER,):
        skews: dict[str, list[str]] = defaultdict(list)
        for node in topology.of_role(role):
            skews[node.environment.get("CARP_ADVSKEW", "")].append(node.name)
        for skew, names in skews.items():
            if len(names) > 1:
                yield Problem(
                    ("services", names[1], "environment", "CARP_ADVSKEW"),
                    f"{' and '.join(names)} have the same CARP_ADVSKEW {skew or '(none)'}",
                    "give each its own, or both become master",
                )


def _design(topology: Topology) -> Iterator[Problem]:
    name, filesystem = topology.database.design or DEFAULT_NAME, topology.database.filesystem
    if name not in LAYOUTS:
        path = ("x-testbed", "database", "design")
        yield Problem(path, f"no database design {name!r}", f"the designs are {', '.join(LAYOUTS)}")
        return
    if topology.layout.profile(topology.profile) is None:
        known = ", ".join(profile.name for profile in topology.layout.profiles)
        what = f"the database design {name} has no profile {topology.profile!r}"
        yield Problem(("x-testbed", "profile"), what, f"its profiles are {known}")
    if topology.layout.has_filesystem and filesystem is None:
        what = f"no filesystem for the volume of the database design {name}"
        yield Problem(("x-testbed", "database"), what, f"add filesystem: {' or '.join(get_args(Filesystem))}")
    if filesystem is not None and not topology.layout.has_filesystem:
        what = f"the database design {name} has no volume with a filesystem of its own"
        yield Problem(
            ("x-testbed", "database", "filesystem"), what, "remove the key; an overlay writes `filesystem: null`"
        )


def _roles(topology: Topology) -> Iterator[Problem]:
    profile = topology.layout.profile(topology.profile)
    others = {
        Role.BALANCER: 2,
        Role.DATABASE: topology.layout.databases,
        Role.ARBITER: profile.arbiters if profile else 0,
    }
    for role in Role:
        count = len(topology.of_role(role))
        if role is Role.SINGLE and not count:  # the overlay `single` alone has one
            continue
        wanted = others.get(role, 1)
        if count != wanted:
            what = f"{count} services have the role {role.value}"
            yield Problem(("services",), what, f"a {topology.profile} cluster has {wanted}")
