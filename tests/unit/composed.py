"""What `docker compose config` prints for the shipped files, recorded, so that the unit tests need no Docker.

`make compose-recordings` runs this file, which records it again; tests/cluster compares it with the real Compose.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from testbed import settings as configuration
from testbed.cluster.shape import Shape
from testbed.topology.compose import compose_config

FOLDER = Path(__file__).parent / "composed"
ROOT = Path(__file__).parents[2]
# The checkout and the state folder, wherever they are.
HERE, STATE = "@CHECKOUT@", "@STATE@"
SHAPES = (
    Shape(),
    Shape(("single",)),
    Shape(("hardened",)),
    Shape(("hardened", "single")),
    Shape(("patroni",)),
    Shape(("streaming",)),
    Shape(("bench",)),
    Shape(("bench-container",)),
    Shape(("bench-nodes",)),
    Shape(("single", "bench-container")),
    Shape(("openbsd",)),
    Shape(("openbsd",), accel="kvm"),
)


def recorded(files: Sequence[Path], environment: Mapping[str, str]) -> str:
    """Return what Compose printed when it was recorded, with this checkout's folders.

    Args:
        files: the Compose file and its overlays, in order.
        environment: the settings; all but the folders must be the usual ones.
    """
    if not all(file.is_relative_to(ROOT / "compose") for file in files):
        return compose_config(files, environment)  # a test's own files: it has its own stand-in for Compose
    recording = _recording(files)
    assert recording.is_file(), f"{recording.name} is not recorded: add its shape to {Path(__file__).name}"
    head, _, text = recording.read_text().partition("\n")
    assert head == _head(files), f"{recording.name} is older than its Compose files: run `make compose-recordings`"
    state = environment.get("TESTBED_STATE", str(ROOT / ".testbed"))
    return text.replace(STATE, state).replace(HERE, str(ROOT))


def record() -> None:
    """Record what Compose prints for each shape."""
    for name in [name for name in os.environ if name.startswith(("TESTBED_", "COMPOSE_"))]:
        del os.environ[name]
    FOLDER.mkdir(exist_ok=True)
    settings = configuration.load({"TESTBED_RUN": "/run/testbed"}, ROOT)  # root's, also for a user without root
    for shape in SHAPES:
        files = shape.files(settings)
        text = compose_config(files, shape.environment(settings))
        text = text.replace(str(settings.state_dir), STATE).replace(str(ROOT), HERE)
        _recording(files).write_text(f"{_head(files)}\n{text.rstrip()}\n")


def _recording(files: Sequence[Path]) -> Path:
    return FOLDER / f"{'+'.join(file.stem for file in files)}.yaml"


def _head(files: Sequence[Path]) -> str:
    return f"# {sha256(b''.join(file.read_bytes() for file in files)).hexdigest()} of the Compose files"


if __name__ == "__main__":
    record()
