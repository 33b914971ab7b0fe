"""The shape a cluster was brought up in, remembered so that later commands mean the same cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from testbed.applications.folders import OVERLAY
from testbed.designs.layout_registry import DEFAULT_PROFILE, PROFILES
from testbed.errors import UsageError
from testbed.settings import Settings

# Overlays that add nodes and change none: they come and go beside a cluster that is up.
ADDING = frozenset({"single"})
# Overlays that a command adds for the time of its work. `testbed up` takes away what an interrupted one has left.
TEMPORARY = frozenset({"bench", "bench-container", "bench-nodes"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What the user chose when bringing the cluster up.

    Attributes:
        overlays: Compose overlays by name (``compose/<name>.yaml``), in order.
        scale: nodes of a scaled service, where it differs from the Compose file.
        accel: ``kvm`` or ``tcg``: what the VMs run on.
        sessions: where the webmail keeps its sessions: ``files`` or ``database``.
        padding: KiB added to each session.
        filesystem: on the replicated volume; empty: as the environment or the Compose file has it.
        applications: folders of applications outside the checkout, each with a Compose overlay and code.
    """

    overlays: tuple[str, ...] = ()
    scale: tuple[tuple[str, int], ...] = ()
    accel: str = "tcg"
    sessions: str = "files"
    padding: int = 0
    filesystem: str = ""
    applications: tuple[str, ...] = ()

    @property
    def application_folders(self) -> list[Path]:
        """The folders of applications outside the checkout."""
        return [Path(folder) for folder in self.applications]

    def environment(self, settings: Settings) -> dict[str, str]:
        """The variables its Compose files are interpolated with."""
        return {
            **settings.compose_environment(self.accel),
            "TESTBED_SESSIONS": self.sessions,
            "TESTBED_SESSION_PADDING": str(self.padding),
            **({"TESTBED_FILESYSTEM": self.filesystem} if self.filesystem else {}),
        }

    def with_overlays(self, names: Iterable[str]) -> Shape:
        """This shape with the overlays named; those that only add nodes come beside the ones it has."""
        named = tuple(names)
        if not named or ADDING.issuperset(named):
            named = tuple(dict.fromkeys((*self.overlays, *named)))
        return replace(self, overlays=named)

    def with_scale(self, counts: Mapping[str, int]) -> Shape:
        """This shape with other numbers of nodes, by scaled service; services that are not named keep theirs."""
        return replace(self, scale=tuple({**dict(self.scale), **counts}.items()))

    def lasting(self) -> Shape:
        """This shape without the overlays that are there for the time of a command alone."""
        return replace(self, overlays=tuple(name for name in self.overlays if name not in TEMPORARY))

    def up_arguments(self) -> list[str]:
        """The options of `testbed up` that bring up a new cluster of this shape."""
        pairs = [
            *(("--overlay", name) for name in self.lasting().overlays),
            *(("--app", folder) for folder in self.applications),
            *(("--scale", f"{service}={count}") for service, count in self.scale),
            ("--sessions", self.sessions),
            *([("--filesystem", self.filesystem)] if self.filesystem else []),
        ]
        return [word for pair in pairs for word in pair]

    def files(self, settings: Settings) -> list[Path]:
        """The Compose files of this shape, in the order they are merged.

        With hardware virtualisation ``kvm.yaml`` is one of them, and ``NAME-kvm.yaml`` of an overlay that adds VMs.

        Raises:
            UsageError: the folder of an application is gone.
        """
        overlays = settings.topology.parent
        kvm = self.accel == "kvm"
        files = [settings.topology, *([overlays / "kvm.yaml"] if kvm else [])]
        for name in self.overlays:
            files.append(overlays / f"{name}.yaml")
            if kvm and (devices := overlays / f"{name}-kvm.yaml").is_file():
                files.append(devices)
        for folder in self.application_folders:
            if not (folder / OVERLAY).is_file():
                what = "the folder of an application of this cluster is gone"
                raise UsageError(what, where=str(folder), fix="put it back, or run `testbed up --app none`")
            files.append(folder / OVERLAY)
        return files


def with_overlay(overlays: tuple[str, ...], name: str, *, present: bool) -> tuple[str, ...]:
    """Return overlays with one more or without one; overlays that only add nodes stay last."""
    if present == (name in overlays):
        return overlays
    rest = tuple(each for each in overlays if each != name)
    if not present:
        return rest
    adding = tuple(each for each in rest if each in ADDING)
    return (*(each for each in rest if each not in ADDING), name, *adding)


def with_profile(overlays: tuple[str, ...], profile: str) -> tuple[str, ...]:
    """Return overlays with the overlay of one profile, and without those of all others; the default has none."""
    for other in PROFILES:
        if other != profile:
            overlays = with_overlay(overlays, other, present=False)
    return with_overlay(overlays, profile, present=profile != DEFAULT_PROFILE)


def remember(settings: Settings, shape: Shape) -> None:
    """Write the shape down."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    _path(settings).write_text(json.dumps(asdict(shape)))


def remembered(settings: Settings) -> Shape:
    """The shape last written down, or the plain one."""
    path = _path(settings)
    if not path.exists():
        return Shape()
    try:
        data = json.loads(path.read_text())
        scale = tuple((str(service), int(count)) for service, count in data["scale"])
        filesystem = data.get("filesystem", "")  # older records have none
        applications = tuple(str(each) for each in data.get("applications", ()))
        sessions, padding = data["sessions"], data["padding"]
        return Shape(tuple(data["overlays"]), scale, data["accel"], sessions, padding, filesystem, applications)
    except (ValueError, KeyError, TypeError):
        raise UsageError("not a cluster's record", where=str(path), fix="delete it and run `testbed up`") from None


def _path(settings: Settings) -> Path:
    return settings.state_dir / "cluster.json"
