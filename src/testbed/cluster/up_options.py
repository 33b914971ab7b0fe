"""What a user asks of `testbed up`, and the shape of the cluster that this makes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from testbed.applications.folders import application_folder
from testbed.cluster.shape import ADDING, TEMPORARY, Shape
from testbed.errors import UsageError
from testbed.settings import Settings
from testbed.topology.keys import Filesystem, Platform, Profile, Store

# Instead of an overlay's name: none of them.
NONE = "none"
HARDENED = "hardened"
OPENBSD = "openbsd"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """The options of ``testbed up``; what is not given stays as the cluster has it.

    Attributes:
        profile: of the cluster: the overlay ``hardened``, or without it.
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
            UsageError: a scale is invalid, or a folder is not one of an application.
        """
        now = now.lasting()
        shape = replace(now, overlays=()) if NONE in self.overlays else now.with_overlays(self.overlays)
        overlays = _with(shape.overlays, OPENBSD, None if self.balancer is None else self.balancer == OPENBSD)
        overlays = _with(overlays, HARDENED, None if self.profile is None else self.profile == HARDENED)
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

    def _overlay_options(self) -> str:
        """Return the options that choose overlays, as the user gave them."""
        given = [
            ("--balancer", self.balancer),
            ("--profile", self.profile),
            *(("--overlay", name) for name in self.overlays),
        ]
        return " ".join(f"{option} {value}" for option, value in given if value)


def _refusal(has: str, where: str) -> UsageError:
    return UsageError(
        f"the cluster that is up has {has}", where=where,
        fix="run `testbed down` first: a fresh one gets what you ask for",
    )  # fmt: skip


def _with(overlays: tuple[str, ...], name: str, present: bool | None) -> tuple[str, ...]:
    """Return overlays with one more or without one; overlays that only add nodes stay last."""
    if present is None or present == (name in overlays):
        return overlays
    rest = tuple(each for each in overlays if each != name)
    if not present:
        return rest
    adding = tuple(each for each in rest if each in ADDING)
    return (*(each for each in rest if each not in ADDING), name, *adding)


def _scale(counts: dict[str, int], scales: tuple[str, ...]) -> dict[str, int]:
    for text in scales:
        service, _, count = text.partition("=")
        if not (count.isascii() and count.isdigit()) or int(count) < 1:
            raise UsageError(f"{text!r} is not a scale", where="--scale", fix="write it as app=3")
        counts[service] = int(count)
    return counts
