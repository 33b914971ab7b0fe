"""What a cluster of a database design consists of. Pure: the topology and the images are checked against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DesignProfile:
    """A variant of a design: a setting of the topology. Its overlay is ``compose/NAME.yaml``.

    Attributes:
        name: unlike that of every other profile of every design.
        summary: what such a cluster has, in a few words for the help of `testbed up`.
        arbiters: how many nodes have the role ``arbiter``.
        like: the profile whose balancers and app nodes it has: incident files that say nothing of this profile expect
            the same as of that one; empty: no other.
    """

    name: str
    summary: str
    arbiters: int = 0
    like: str = ""


@dataclass(frozen=True, slots=True)
class DesignImage:
    """An image that only clusters of the design need.

    Attributes:
        name: its short name, and its folder below ``images/``.
        bases: build argument to the image that it is built on: a release of the topology (``base``, ``app`` or
            ``vm``), or the short name of an image with a leading slash.
        has_filesystem: whether the build argument ``FILESYSTEM`` names the filesystem of the volume.
    """

    name: str
    bases: Mapping[str, str]
    has_filesystem: bool = False


@dataclass(frozen=True, slots=True)
class DesignLayout:
    """What a cluster of a design consists of.

    Attributes:
        name: the package's name.
        profiles: at least one. The first profile of the default design is the cluster without an overlay.
        images: each after the images of the design that it is built on.
        databases: how many nodes have the role ``database``.
        has_filesystem: whether the topology names the filesystem of the database's volume.
        has_carp: whether a mechanism of ``addresses/`` moves the database's address. Each node needs its own
            ``CARP_ADVSKEW``.
        daemons: programs that only the database nodes of this design run, by the names of their processes. Faults of
            processes can strike them.
        logs: files below ``/var/log`` of a database node that a run collects, because its container's log lacks them.
        passwords: names of the passwords that only this design has, by the folder of the nodes that see them. The same
            name is the same password.
        group_folders: folders of nodes whose root may read the cluster's secrets by its groups alone.
    """

    name: str
    profiles: tuple[DesignProfile, ...]
    images: tuple[DesignImage, ...]
    databases: int = 2
    has_filesystem: bool = False
    has_carp: bool = True
    daemons: tuple[str, ...] = ()
    logs: tuple[str, ...] = ("postgresql.log", "role.log", "carp.log")
    passwords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group_folders: frozenset[str] = frozenset()

    def profile(self, name: str) -> DesignProfile | None:
        """Return the profile called ``name``, None if the design has none of that name."""
        return next((each for each in self.profiles if each.name == name), None)
