"""What the unit tests take for Compose's answer is what the Compose of this machine answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import composed
import pytest

from testbed import settings as configuration
from testbed.cluster.shape import Shape
from testbed.topology import resolve
from testbed.topology.compose import merge
from testbed.yaml_source import COMPOSE, Source


@pytest.mark.parametrize("shape", composed.SHAPES, ids=str)
def test_the_recording_describes_the_same_cluster(shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TESTBED_FILESYSTEM", "TESTBED_APP_RELEASE"):
        monkeypatch.delenv(name, raising=False)
    settings = configuration.load({})
    files, environment = shape.files(settings), shape.environment(settings)
    recording: Any = Source(Path("recording"), composed.recorded(files, environment), COMPOSE).data
    assert resolve(recording, files) == resolve(merge(files, environment), files)
