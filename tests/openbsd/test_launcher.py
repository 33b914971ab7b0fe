"""The launcher, with what it has for guests without an agent: tried by a real guest, whose kernel is Linux."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from single_image import first_octets, free_subnets, network_of_its_own
from testbed.cluster.node_folders import share
from testbed.host import engine
from testbed.images.image_build import proxies

IMAGE = "testbed/vm"
STANDIN = Path(__file__).parent / "standin"
NAME = f"testbed-launched-{os.getpid()}"
SECONDS = 120


def archive(name: str, content: bytes) -> bytes:
    """A cpio archive with one program, in the form that Linux unpacks (initramfs buffer format, "newc")."""

    def member(name: str, content: bytes, mode: int) -> bytes:
        fields = (1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        header = b"070701" + b"".join(f"{field:08x}".encode() for field in fields) + name.encode() + b"\0"
        return header + bytes(-len(header) % 4) + content + bytes(-len(content) % 4)

    return member(name, content, 0o100755) + member("TRAILER!!!", b"", 0)


USER = f"{os.getuid()}:{os.getgid()}"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The guest's address, on a network made for it."""
    with network_of_its_own(NAME, free_subnets()) as network:
        yield f"{first_octets(network)}2"


@pytest.fixture(scope="module")
def launched(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[str], Path, int]]:
    """What the launcher wrote, the folder with the console, and its exit status, after a guest's whole life."""
    client = engine.client()
    folder = tmp_path_factory.mktemp("launched")
    prepare(client, folder)
    (folder / "vm").mkdir()
    share(folder, folder / "vm", 0o2770)  # what root makes in it there can be read here
    neighbour = address.rpartition(".")[0] + ".1"
    environment = {
        "NODE": "lb1", "PUBLIC_ADDRESS": address, "NEIGHBOUR": neighbour, "NAME": NAME,
        "VM_NICS": "public", "VM_CONTROL": "169.254.77.1/30", "VM_EVENTS": "serial", "VM_IMAGES": "/guest",
        "VM_KERNEL": "kernel", "VM_INITRD": "ramdisk", "VM_APPEND": "console=ttyS0 panic=-1", "VM_MEMORY_MIB": "192",
    }  # fmt: skip
    binds = [f"{folder}/guest:/guest:ro", f"{folder}/testbed:/etc/testbed:ro", f"{folder}/vm:/run/vm"]
    container = client.containers.create(
        IMAGE, name=NAME, environment=environment, volumes=binds, tmpfs={"/disk": ""}, init=True,
        cap_add=["NET_ADMIN"], devices=["/dev/net/tun"], network=NAME,
        networking_config={NAME: client.api.create_endpoint_config(ipv4_address=address)},
    )  # fmt: skip
    try:
        container.start()
        status = container.wait(timeout=SECONDS)["StatusCode"]
        yield container.logs().decode().splitlines(), folder, status
    finally:
        container.remove(force=True)
        client.close()


def prepare(client: docker.DockerClient, folder: Path) -> None:
    """The guest's kernel and ramdisk, and what its node sees at /etc/testbed."""
    image, _ = client.images.build(path=str(STANDIN), tag="testbed/openbsd-standin", rm=True, buildargs=proxies())
    client.containers.run(
        image, ["cp", "-r", "/standin", "/out/guest"], volumes=[f"{folder}:/out"], remove=True, user=USER
    )
    with (folder / "guest" / "ramdisk").open("ab") as ramdisk:
        ramdisk.write(bytes(-ramdisk.tell() % 4) + archive("init", (STANDIN / "launched").read_bytes()))
    files = folder / "testbed" / "guest" / "etc"
    files.mkdir(parents=True)
    (files / "hostname.vio0").write_text("inet 198.18.0.11\n")
    (files / "hostname.vio0").chmod(0o640)
    (folder / "testbed" / "secrets.env").write_text("CARP_PASSWORD=secret\n")


def test_a_guest_lives_and_goes(launched: tuple[list[str], Path, int]) -> None:
    lines, folder, status = launched
    assert status == 0, lines
    assert [line for line in lines if line.startswith("event=booted")]
    assert "the console hears this" in (folder / "vm" / "console.log").read_text(errors="replace")
    assert not [line for line in lines if "console hears" in line]


def test_the_second_serial_line_carries_events_and_the_time(launched: tuple[list[str], Path, int]) -> None:
    lines, _, _ = launched
    assert re.fullmatch(r"event=clock-asked up=[\d.]+", lines[0])
    match = re.fullmatch(r"event=clock-told host=([\d.]+) up=[\d.]+", lines[1])
    assert match
    assert abs(time.time() - float(match[1])) < SECONDS
    assert "clock?" not in "".join(lines)


def test_the_drive_holds_the_nodes_files(launched: tuple[list[str], Path, int]) -> None:
    lines, _, _ = launched
    assert [line for line in lines if line.startswith("member")] == [
        "member -rw------- 0/0 node.env",
        "member -rw------- 0/0 secrets.env",
        "member -rw-r----- 0/0 etc/hostname.vio0",
    ]
    assert "file inet 198.18.0.11" in lines


def test_the_control_network_reaches_the_container_and_dockers_names(
    launched: tuple[list[str], Path, int], address: str
) -> None:
    lines, _, _ = launched
    assert "card eth1 02:74:62:00:00:02" in lines  # behind those of Docker's networks
    assert "control answers" in lines
    assert "public answers" in lines
    assert f"address {address}" in lines
    assert [line for line in lines if line.startswith(f"name {NAME}.")]
    assert "no such name" in lines
