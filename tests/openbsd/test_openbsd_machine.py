"""Commands on an OpenBSD guest, as far as a Debian one can prove them.

One container stands for the guest: Debian's sshd, with the configuration and the keys that OpenBSD's gets, at the
guest's address. The other shares its network, as the guest's own container does, and runs ssh as the product does.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from testbed.cluster import Cluster
from testbed.host import engine
from testbed.images.build_job import Stop
from testbed.images.image_build import build
from testbed.images.input_hash import write_context
from testbed.machines import Unreachable
from testbed.machines.openbsd_machine import OpenBSDMachine
from testbed.openbsd.node import ssh
from testbed.openbsd.node.balancer import CONTROL_GUEST
from testbed.wait import wait_until

IMAGE = "testbed/test-sshd"
SECONDS = 20.0
SSHD = "/usr/sbin/sshd -f /guest/sshd_config -E /dev/stderr"


class Pair:
    """A guest that answers SSH, and the machine it is.

    Args:
        client: the docker engine.
        folder: for keys and configurations.
        cluster: its topology names the node.
    """

    def __init__(self, client: docker.DockerClient, folder: Path, cluster: Cluster) -> None:
        self._folder = folder
        self._host, self._own = ssh.KeyPair.generate(), ssh.KeyPair.generate()
        files = {
            "control/ssh_config": ssh.ssh_config().encode(),
            "control/id_ed25519": self._own.private,
            "control/known_hosts": ssh.known_hosts(self._host).encode(),
            "guest/sshd_config": ssh.sshd_config().encode(),
            "guest/authorized_keys": self._own.public,
            "guest/host": self._host.private,
        }
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)
        self.guest: Container = client.containers.run(
            IMAGE, detach=True, network_mode="none", cap_add=["NET_ADMIN"], init=True,
            volumes=[f"{folder}/guest:/guest:ro"],
        )  # fmt: skip
        self.shell(f"ip link set lo up && ip addr add {CONTROL_GUEST.ip}/32 dev lo")
        self.shell(f"install -m 600 /guest/authorized_keys {ssh.AUTHORIZED_KEYS_FILE}")
        self.use_key("/guest/host")
        self.outside: Container = client.containers.run(
            IMAGE, detach=True, network_mode=f"container:{self.guest.id}", init=True,
            volumes=[f"{folder}/control:{ssh.CONTAINER_FOLDER}:ro"],
        )  # fmt: skip
        self.machine = OpenBSDMachine("lb1", cluster.topology.nodes["lb1"], self.outside, folder)

    def use_key(self, path: str) -> None:
        """Start sshd with this host key."""
        self.shell(f"install -m 600 {path} {ssh.HOST_KEY_FILE} && {SSHD}")

    def stop_sshd(self) -> None:
        """Kill sshd and every session; the machine's kept connection ends."""
        self.shell("for each in /proc/[0-9]*; do case $(cat $each/comm) in sshd*) kill -9 ${each#/proc/};; esac; done")

    def shell(self, script: str) -> None:
        """Run a script in the guest, not by ssh."""
        status, output = self.guest.exec_run(["sh", "-c", script])
        assert status == 0, output

    def remove(self) -> None:
        """Leave nothing behind."""
        for container in (self.outside, self.guest):
            container.remove(force=True)


@pytest.fixture(scope="module")
def pair(running: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    client = engine.client()
    folder = tmp_path_factory.mktemp("ssh")
    with tempfile.TemporaryFile() as context:
        write_context(Path(__file__).parent / "sshd", context)
        build(client, IMAGE, context, {}, "test", log=folder / "build.log", report=lambda _: None, stop=Stop())
    made = Pair(client, folder, running)
    yield made
    made.remove()
    client.close()


def test_a_command_arrives_as_it_is(pair: Pair) -> None:
    texts = ["", "two words", "it's", '"quoted"', "$HOME `id` $(id)", "back\\slash", "line\nline", "*", ";|&<>", "ä"]
    result = pair.machine.exec(["printf", "<%s>", *texts])
    assert (result.status, result.stdout, result.stderr) == (0, "".join(f"<{each}>" for each in texts), "")
    script = "echo out; echo err >&2; exit 7"
    result = pair.machine.exec(["sh", "-c", script])
    assert (result.status, result.stdout, result.stderr) == (7, "out\n", "err\n")
    assert pair.machine.exec(["nonexistent-program"]).status == 127


def test_it_runs_in_the_guest(pair: Pair) -> None:
    only_there = ["test", "-e", "/guest/sshd_config"]
    assert (pair.machine.exec(only_there).status, pair.machine.exec_in_container(only_there).status) == (0, 1)
    assert pair.machine.ready()
    large = pair.machine.exec(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"]).stdout
    assert len(large) == 3_000_000


def test_one_connection_carries_all_commands(pair: Pair) -> None:
    connection = ["sh", "-c", "echo $SSH_CONNECTION"]
    with ThreadPoolExecutor(max_workers=8) as pool:
        connections = {each.stdout for each in pool.map(lambda _: pair.machine.exec(connection), range(16))}
    assert len(connections) == 1
    begin = time.monotonic()
    pair.machine.exec(["true"])
    assert time.monotonic() - begin < 1


def test_a_command_that_does_not_end(pair: Pair) -> None:
    begin = time.monotonic()
    with pytest.raises(Unreachable, match=r"lb1: sleep 60 did not end within 1 s"):
        pair.machine.exec(["sleep", "60"], timeout=1)
    assert time.monotonic() - begin < 8  # the shared connection lets its streams go a little later
    assert pair.machine.exec(["true"]).status == 0


def test_a_frozen_guest_does_not_answer(pair: Pair) -> None:
    pair.guest.pause()
    begin = time.monotonic()
    try:
        with pytest.raises(Unreachable):
            pair.machine.exec(["true"], timeout=15)
    finally:
        pair.guest.unpause()
    assert time.monotonic() - begin < 20  # the guest is given some seconds to end the command itself
    wait_until(pair.machine.ready, SECONDS, "the thawed guest to answer")


def test_a_dead_sshd_and_its_return(pair: Pair) -> None:
    pair.stop_sshd()
    assert not pair.machine.ready()
    with pytest.raises(Unreachable, match=r"ssh cannot reach it: .*Connection refused"):
        pair.machine.exec(["true"])
    pair.use_key("/guest/host")
    assert pair.machine.exec(["echo", "again"]).stdout == "again\n"


def test_a_stranger_with_the_guests_address(pair: Pair) -> None:
    pair.stop_sshd()
    pair.shell("ssh-keygen -q -t ed25519 -N '' -f /stranger")
    pair.use_key("/stranger")
    with pytest.raises(Unreachable, match=r"ssh cannot reach it: Host key verification failed"):
        pair.machine.exec(["true"])
    pair.stop_sshd()
    pair.use_key("/guest/host")
    assert pair.machine.ready()
