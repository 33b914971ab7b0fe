"""An engine with containers, networks and volumes, at the boundary of docker-py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Self

from docker.errors import ImageNotFound

PROJECT = "com.docker.compose.project"
CLUSTER = "org.testbed.cluster"
FOLDER = f"{PROJECT}.working_dir"


class Thing:
    """A container, a network or a volume; the engine loses it when it is removed."""

    def __init__(
        self, engine: FakeEngine, kind: str, name: str, labels: Mapping[str, str], state: str, networks: Sequence[str]
    ) -> None:
        self.engine, self.kind, self.name, self.labels = engine, kind, name, dict(labels)
        self.id = f"{kind}-{name}"
        self.status = state
        self.networks = networks
        self.image = f"testbed/{name.split('-')[1].rstrip('12')}" if name.count("-") > 1 else "exporter"

    @property
    def attrs(self) -> dict[str, Any]:
        """It, as the engine inspects it."""
        return {"Config": {"Image": self.image}, "Image": f"sha256:{self.image}"}

    def remove(self, **_: object) -> None:
        self.engine.things.remove(self)

    def listed(self) -> dict[str, Any]:
        """It, as the engine's lists have it."""
        ends = {name: {"NetworkID": f"network-{name}"} for name in self.networks}
        return {
            "Id": self.id, "Name": self.name, "Names": [f"/{self.name}"], "Labels": self.labels, "State": self.status,
            "NetworkSettings": {"Networks": ends}, "Driver": "bridge", "Options": {}, "IPAM": {"Config": []},
        }  # fmt: skip


class FakeEngine:
    """An engine.

    Attributes:
        things: all that it has.
        ran: each helper container: its command and its labels.
        no_images: names of images that it does not have.
        ran_of: the image of each helper container.
        tables: nftables tables on the host, which a helper container lists and deletes.
    """

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self.ran: list[tuple[list[str], dict[str, str]]] = []
        self.tables: list[str] = []
        self.no_images: set[str] = set()
        self.ran_of: list[str] = []
        self.containers = SimpleNamespace(list=self._lister("container"), run=self._run)
        self.networks = SimpleNamespace(list=self._lister("network"))
        self.volumes = SimpleNamespace(list=self._lister("volume"))
        self.images = SimpleNamespace(get=self._image)
        self.api = SimpleNamespace(
            containers=self._rows("container"),
            networks=self._rows("network"),
            volumes=lambda **options: {"Volumes": self._rows("volume")(**options) or None},
        )

    def add(
        self, kind: str, name: str, labels: Mapping[str, str], state: str = "running", networks: Sequence[str] = ()
    ) -> Self:
        self.things.append(Thing(self, kind, name, labels, state, networks))
        return self

    def names(self) -> list[str]:
        return [each.name for each in self.things]

    def info(self) -> dict[str, str]:
        return {"DockerRootDir": "/nowhere/docker"}

    def version(self) -> dict[str, str]:
        return {"Version": "28.0.0"}

    def close(self) -> None:
        """Nothing is open."""

    def _matching(self, kind: str, filters: Mapping[str, Any] | None) -> list[Thing]:
        wanted = (filters or {}).get("label", [])
        pairs = [each.partition("=") for each in ([wanted] if isinstance(wanted, str) else wanted)]
        network = str((filters or {}).get("network", "")).removeprefix("network-")
        return [
            each
            for each in self.things
            if each.kind == kind
            and all(each.labels.get(key) == value for key, _, value in pairs)
            and (not network or (network in each.networks and each.status in ("running", "paused")))
        ]

    def _lister(self, kind: str) -> Callable[..., list[Thing]]:
        return lambda filters=None, **_: self._matching(kind, filters)

    def _rows(self, kind: str) -> Callable[..., list[dict[str, Any]]]:
        return lambda filters=None, **_: [each.listed() for each in self._matching(kind, filters)]

    def _image(self, tag: str) -> object:
        if tag in self.no_images:
            raise ImageNotFound(tag)
        return SimpleNamespace(id=tag)

    def _run(self, image: str, command: list[str], *, labels: dict[str, str], **_: object) -> bytes:
        self.ran.append((command, labels))
        self.ran_of.append(image)
        prefix = command[-1]
        gone = [table for table in self.tables if table.startswith(prefix)]
        self.tables = [table for table in self.tables if table not in gone]
        return "".join(f"{table}\n" for table in gone).encode()
