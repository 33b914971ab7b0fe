"""A container without a network, for trying a balancer's generated files with real programs."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from docker.models.containers import Container

from testbed.host import engine
from testbed.openbsd.node import GuestFile
from testbed.settings import PROJECT_LABEL


@dataclass(frozen=True)
class Result:
    """What a command said.

    Args:
        status: its exit status.
        output: both its streams.
    """

    status: int
    output: str


class Box:
    """A running container.

    Args:
        container: it.
    """

    def __init__(self, container: Container) -> None:
        self._container = container

    def run(self, *command: str, **environment: str) -> Result:
        """Run a command in it."""
        status, output = self._container.exec_run(list(command), environment=environment)
        assert status is not None
        assert isinstance(output, bytes)
        return Result(status, output.decode(errors="replace"))

    def sh(self, script: str) -> str:
        """Run a shell script in it that must succeed."""
        result = self.run("sh", "-euc", script)
        assert result.status == 0, result.output
        return result.output

    def put(self, files: Mapping[str, GuestFile]) -> None:
        """Unpack files over its root, as root's."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, file in files.items():
                member = tarfile.TarInfo(path)
                member.size, member.mode, member.mtime = len(file.content), file.mode, int(time.time())
                tar.addfile(member, io.BytesIO(file.content))
        assert self._container.put_archive("/", archive.getvalue())


@contextmanager
def box(image: str, **options: object) -> Iterator[Box]:
    """A container of an image that does nothing by itself; removed at the end.

    Args:
        image: its tag.
        options: more for the engine.
    """
    container = engine.client().containers.run(  # type: ignore[call-overload]
        image,
        entrypoint=["sleep", "600"],
        detach=True,
        init=True,
        cap_add=["NET_ADMIN"],
        labels={PROJECT_LABEL: "testbed-openbsd-tests"},
        **{"network_mode": "none", **options},
    )
    try:
        yield Box(container)
    finally:
        container.remove(force=True, v=True)
