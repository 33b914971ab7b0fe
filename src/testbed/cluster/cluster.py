"""One handle for the running cluster."""

from __future__ import annotations

from functools import cached_property

from testbed import topology
from testbed.cluster.shape import Shape, remembered
from testbed.cluster.state import ClusterState, observe
from testbed.designs.design_registry import DEFAULT, design_of
from testbed.faults import Ledger
from testbed.host import identity
from testbed.machines import Machine
from testbed.machines.fleet import Fleet
from testbed.settings import Settings
from testbed.settings import load as load_settings
from testbed.topology import Role, Topology


class Cluster:
    """The cluster of one checkout.

    Args:
        settings: where its files lie.
        shape: how it is or will be brought up; by default as last time.
    """

    def __init__(self, settings: Settings | None = None, shape: Shape | None = None) -> None:
        self.settings = settings or load_settings()
        self.shape = shape or remembered(self.settings)

    @cached_property
    def topology(self) -> Topology:
        """The topology of its Compose files."""
        files, environment = self.shape.files(self.settings), self.shape.environment(self.settings)
        return topology.load(files, environment, dict(self.shape.scale), self.settings.state_dir)

    @cached_property
    def fleet(self) -> Fleet:
        """Its nodes.

        Raises:
            UsageError: the file of the cluster's identity is damaged.
        """
        identity.refuse_damaged(self.settings)
        sockets = self.settings.run_dir / self.settings.project
        return Fleet(self.topology, sockets, identity.labels(self.settings))

    @cached_property
    def ledger(self) -> Ledger:
        """The faults in force."""
        return Ledger(self.settings.state_dir / "faults")

    def machine(self, name: str) -> Machine:
        """The node called ``name``."""
        return self.fleet[name]

    @property
    def platform(self) -> dict[str, str]:
        """What figures of different clusters must not be mixed up by; the default database design is not named."""
        design = design_of(self.topology)
        balancers = {node.keys.platform for node in self.topology.of_role(Role.BALANCER)}
        filesystem = self.topology.database.filesystem
        return {"balancer": " and ".join(sorted(balancers)), "accel": self.shape.accel,
                **({"filesystem": filesystem} if filesystem else {}), "profile": self.topology.profile,
                "sessions": self.topology.sessions.store,
                **({} if design is DEFAULT else {"design": design.name})}  # fmt: skip

    def state(self, *roles: Role) -> ClusterState:
        """Return the state of all nodes, or of those of some roles."""
        return observe(self.fleet, *roles)
