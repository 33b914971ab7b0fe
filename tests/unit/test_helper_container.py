"""A container of a moment: what it prints comes back, what it refuses is one line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from docker import DockerClient
from docker.errors import APIError

from testbed.errors import TestbedError
from testbed.machines.helper_container import HelperContainer


def test_a_helper_that_does_not_start_is_reported_in_one_line() -> None:
    def run(*_: object, **__: object) -> bytes:
        raise APIError("500", explanation="cannot join network of a non running container: c0ffee")

    docker = cast("DockerClient", SimpleNamespace(containers=SimpleNamespace(run=run)))
    with pytest.raises(TestbedError, match="lb1: ip cannot be run: cannot join network of a non running container"):
        HelperContainer(docker, "testbed/lb", {}, "lb1").run(["ip", "-j", "addr"], "container:c0ffee")
