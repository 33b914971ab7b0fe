"""The files made of the tables, where nodes see them at ``/etc/testbed``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.applications.folders import copy_code
from testbed.applications.image_program import ImageProgram
from testbed.applications.pools import pools, pools_file
from testbed.applications.servers import NO_PROGRAMS, server_files
from testbed.balancers.balancer_registry import SERVER
from testbed.topology import Topology


def balancer_files(topology: Topology) -> Mapping[str, str]:
    """What every balancer reads, by file name."""
    return {"pools": pools_file(pools(topology)), **SERVER.configuration(topology)}


def write(
    state_dir: Path,
    topology: Topology,
    folders: Sequence[Path] = (),
    programs: Mapping[str, ImageProgram] = NO_PROGRAMS,
) -> bool:
    """Write what balancers and app nodes read.

    Args:
        state_dir: the folder that holds ``nodes/``.
        topology: the cluster.
        folders: of the applications whose code is outside the image.
        programs: of the applications that are container images.

    Returns:
        Whether anything changed.
    """
    folder = state_dir / "nodes"
    digests = copy_code(folders, folder / "app" / "code")
    changed = [_fill(folder / "app" / "applications", server_files(topology, digests, programs))]
    changed += [_put(folder / "lb" / name, text) for name, text in balancer_files(topology).items()]
    return any(changed)


def _fill(folder: Path, files: Mapping[str, str]) -> bool:
    """Make a folder hold these files and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    strays = [path for path in folder.iterdir() if path.name not in files]
    for path in strays:
        path.unlink()
    return any([*(_put(folder / name, text) for name, text in files.items()), *strays])


def _put(path: Path, text: str) -> bool:
    """Write a file if it is not so already; in one step, for a node may be reading it."""
    if path.exists() and path.read_text() == text:
        return False
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.replace(path)
    return True
