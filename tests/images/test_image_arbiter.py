"""The arbiter's image: its decisions outlive it, and only a node that knows the secret gets a grant."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest

from single_image import Images, Networks, address, wait_ready


@pytest.fixture
def memory() -> Iterator[str]:
    """The name of a volume; a test names it first, so that it outlives the containers."""
    volume = docker.from_env().volumes.create(f"image-{uuid.uuid4().hex[:8]}")
    yield volume.name
    volume.remove()


class Arbiter:
    """An arbiter of two database nodes whose power is off.

    Args:
        containers: starts it.
        networks: where it stands.
        memory: the volume that it remembers on.
    """

    def __init__(self, containers: Images, networks: Networks, memory: str) -> None:
        self._container = containers.start(
            "arbiter", networks.backend, node="arbiter", volumes={memory: "/var/lib/arbiter"},
            environment={"NODE": "arbiter", "MACHINES": "db1 db2"},
        )  # fmt: skip
        self._address = address(self._container, networks.backend)
        secret = (containers.state / "nodes/arbiter/secrets.env").read_text().strip()
        self._secret = secret.removeprefix("ARBITER_SECRET=")
        wait_ready(self._container, lambda: self.line("") != "", "the arbiter")

    def line(self, text: str) -> str:
        """The answer to a line; empty when there is none."""
        with suppress(OSError), socket.create_connection((self._address, 7000), 3) as wire:
            wire.sendall(f"{text}\n".encode())
            return wire.makefile().readline().strip()
        return ""

    def ask(self, question: str) -> str:
        """The answer to a node that proves itself."""
        return self.line(f"{self._secret} {question}")

    def kill(self) -> None:
        """End it without a warning."""
        self._container.get_wrapped_container().kill()


def test_a_new_arbiter_remembers_what_the_old_one_granted(memory: str, containers: Images, networks: Networks) -> None:
    first = Arbiter(containers, networks, memory)
    assert first.line("") == "alone=nobody generation=0"
    assert first.ask("inherit db1") == "granted 1"
    first.kill()
    second = Arbiter(containers, networks, memory)
    assert second.line("") == "alone=db1 generation=1"
    assert second.ask("inherit db2") == "refused db1 has newer data"
    assert second.ask("confirm db1 1") == "granted 1"
    assert second.ask("whole db1 1") == "granted 2"
    assert second.line("") == "alone=nobody generation=2"


def test_nobody_is_granted_anything_without_the_secret(memory: str, containers: Images, networks: Networks) -> None:
    arbiter = Arbiter(containers, networks, memory)
    assert arbiter.line("wrong inherit db1") == "refused wrong secret"
    assert arbiter.ask("inherit db3") == "refused not understood"
    assert arbiter.line("") == "alone=nobody generation=0"
