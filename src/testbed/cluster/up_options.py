"""What a user asks of `testbed up`, and the shape of the cluster that this makes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from testbed.applications.folders import application_folder
from testbed.cluster.shape import ADDING, TEMPORARY, Shape, with_overlay, with_profile
from testbed.designs.layout_registry import PROFILES
from testbed.errors import UsageError
from testbed.settings import Settings
from testbed.topology import Topology
from testbed.topology.keys import Filesystem, Platform, Profile, Store

# Instead of an overlay's name: none of them.
NONE = "none"
OPENBSD = "openbsd"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """The options of ``testbed up``; what is not given stays as the cluster has it.

    Attributes:
        profile: of the cluster: the overlay of its name, or none for the default one.
        balancer: the balancers' platform: the overlay ``openbsd``, or without it.
        filesystem: on the replicated volume.
        sessions: where the webmail keeps its sessions.
        scale: nodes of a service, such as ``app=3``.
        overlays: Compose overlays by name, or ``none``.
        applications: folders of applications outside the checkout, or ``none``.
    """

    profile: Profile | None = None
    balancer: Platform | None = None
    filesystem: Filesystem | None = None
    sessions: Store | None = None
    scale: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()

    def shape(self, settings: Settings, now: Shape) -> Shape:
        """Return the requested shape.

        Args:
            settings: the environment's, which an option overrides.
            now: the cluster's, or the plain one for a new cluster.

        Raises:
            UsageError: a scale is invalid, a folder is not one of an application, or several profiles are named.
        """
        _must_be_one_profile((*self.overlays, self.profile or ""))
        now = now.lasting()
        shape = replace(now, overlays=()) if NONE in self.overlays else now.with_overlays(self.overlays)
        overlays = shape.overlays
        if self.balancer is not None:
            overlays = with_overlay(overlays, OPENBSD, present=self.balancer == OPENBSD)
        overlays = overlays if self.profile is None else with_profile(overlays, self.profile)
        return replace(
            shape,
            overlays=overlays,
            scale=tuple(_scale(dict(now.scale), self.scale).items()),
            filesystem=self.filesystem or settings.filesystem or now.filesystem,
            applications=self._applications(now),
            sessions=self.sessions or settings.sessions or now.sessions,
            padding=now.padding if settings.session_padding is None else settings.session_padding,
        )

    def _applications(self, now: Shape) -> tuple[str, ...]:
        """The folders of applications: those that the cluster has, unless ``none`` is named, and those named."""
        kept = () if NONE in self.applications else now.applications
        named = [str(application_folder(each)) for each in self.applications if each != NONE]
        return tuple(dict.fromkeys((*kept, *named)))

    def must_fit(self, settings: Settings, now: Shape, shape: Shape) -> None:
        """Refuse what would make one half of a cluster another one: its disks and records belong to the old one.

        Args:
            settings: the environment's.
            now: the shape of the cluster that is up.
            shape: the requested shape.

        Raises:
            UsageError: the cluster has to be taken down first.
        """
        if (set(now.overlays) ^ set(shape.overlays)) - ADDING - TEMPORARY:
            has = f"the overlay {', '.join(now.overlays)}" if now.overlays else "no overlay"
            raise _refusal(has, self._overlay_options())
        if now.filesystem and now.filesystem != shape.filesystem:
            where = (
                f"--filesystem {self.filesystem}" if self.filesystem else f"TESTBED_FILESYSTEM={settings.filesystem}"
            )
            raise _refusal(f"the filesystem {now.filesystem}", where)

    def must_have_filesystem(self, topology: Topology) -> None:
        """Refuse a filesystem for a database design without a volume of its own.

        Args:
            topology: of the requested shape.

        Raises:
            UsageError: the design has none.
        """
        if self.filesystem and not topology.layout.has_filesystem:
            what = f"the database design {topology.layout.name} has no volume with a filesystem of its own"
            raise UsageError(what, where=f"--filesystem {self.filesystem}", fix="leave the option out")

    def _overlay_options(self) -> str:
        """Return the options that choose overlays, as the user gave them."""
        given = [
            ("--balancer", self.balancer),
            ("--profile", self.profile),
            *(("--overlay", name) for name in self.overlays),
        ]
        return " ".join(f"{option} {value}" for option, value in given if value)


def _must_be_one_profile(names: tuple[str, ...]) -> None:
    """Refuse two profiles: the overlay of a profile has its name.

    Raises:
        UsageError: several of the names are profiles.
    """
    profiles = list(dict.fromkeys(name for name in names if name in PROFILES))
    if len(profiles) > 1:
        what = f"{' and '.join(profiles)} are profiles, and a cluster has one"
        raise UsageError(what, where="--profile", fix=f"name one of {', '.join(PROFILES)}")


def _refusal(has: str, where: str) -> UsageError:
    return UsageError(
        f"the cluster that is up has {has}", where=where,
        fix="run `testbed down` first: a fresh one gets what you ask for",
    )  # fmt: skip


def _scale(counts: dict[str, int], scales: tuple[str, ...]) -> dict[str, int]:
    for text in scales:
        service, _, count = text.partition("=")
        if not (count.isascii() and count.isdigit()) or int(count) < 1:
            raise UsageError(f"{text!r} is not a scale", where="--scale", fix="write it as app=3")
        counts[service] = int(count)
    return counts
