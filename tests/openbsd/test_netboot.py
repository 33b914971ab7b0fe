"""An installation run for real, but for OpenBSD: a Linux machine stands in for its installer.

Everything around the installer is the product's: a release gathered and verified (forged, signed by the test's own
key), the response file, the layout, the site set, the tree, the container, QEMU's network boot, the console's reader,
the packed disk. The stand-in (``standin/``) boots by that network boot, asks for what OpenBSD's installer asks for, in
its order, and answers the installer's questions out of the response file by the installer's rules. No OpenBSD runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import docker
import pytest
from installer_dialogue import REVISIONS, Machine, installation
from installer_responses import Responses, Way, play
from release_forge import Forge, need_tools
from rich.console import Console as Terminal
from standin.bootsector import boot_sector
from standin.packets import ACK, MESSAGE_TYPE, dhcp_answers, tftp_requests

from testbed import settings as configuration
from testbed import topology
from testbed.host import engine as host_engine
from testbed.host.acceleration import Kind, acceleration
from testbed.images import build_images
from testbed.images.build_inputs import installed_disk
from testbed.openbsd import balancer_disk
from testbed.openbsd.balancer_disk import InstalledDisk
from testbed.openbsd.install import install_vm, netboot, site_set
from testbed.openbsd.install.install_console import InstallError, InstallLimits
from testbed.openbsd.install.netboot import Tree
from testbed.openbsd.install.response_file import InstallPlan, disklabel_template, response_file
from testbed.openbsd.media import Directory, Media, gather
from testbed.openbsd.media.signify import parse_list
from testbed.openbsd.release import Release
from testbed.progress import Progress
from testbed.settings import Settings
from testbed.topology import Topology

RELEASE = Release("8.0")
PLAN = InstallPlan(RELEASE)
PACE = InstallLimits(quiet=60, silent=60, total=240)
STANDIN = Path(__file__).parent / "standin"
IMAGES = Path(__file__).parents[2] / "images"
INSTALLER = "testbed/openbsd-installer"
NODE_TRIAL = "testbed/lb-openbsd:trial"
MAC = "52:54:00:6f:62:73"
MEMORY_MIB = 320
# Signed files that are not fetched; the installer looks for the name of one.
SIGNED = {"INSTALL.amd64": b"how to install\n", "comp80.tgz": b"compilers\n", "xbase80.tgz": b"X11\n"}
SECOND_BOOT = b"\r\n>> OpenBSD/amd64 BOOT 3.67\r\ntestbed: relinking the kernel\r\ntestbed: sealed\r\n"


@dataclass(frozen=True)
class Bench:
    """What every test here stands on.

    Args:
        settings: the checkout's.
        design: the cluster.
        engine: the Docker engine.
        accel: how machines run.
        media: a forged release, verified.
        site: the site set.
        ramdisk: the stand-in's.
    """

    settings: Settings
    design: Topology
    engine: docker.DockerClient
    accel: Kind
    media: Media
    site: Path
    ramdisk: Path

    def tree(self, folder: Path, response: str | None = None) -> Tree:
        """Lay out what is served, and beside it what only the stand-in needs."""
        response = response_file(PLAN) if response is None else response
        tree = netboot.write(folder / "tree", self.media, response, disklabel_template(PLAN), self.site)
        self.dress(tree)
        return tree

    def dress(self, tree: Tree) -> None:
        """Put beside what is served what only the stand-in needs."""
        shutil.copyfile(self.ramdisk, tree.tftp / "ramdisk")
        (tree.tftp / "boot-sector").write_bytes(boot_sector(SECOND_BOOT))

    def install(self, tree: Tree, folder: Path, reported: list[str]) -> Path:
        """Install as the product does."""
        log = folder / "install.log"
        out = folder / "out"
        try:
            return install_vm.install(
                self.engine, INSTALLER, tree, out, self.accel, log, reported.append, memory_mib=MEMORY_MIB, pace=PACE
            )
        finally:
            assert self.engine.containers.list(all=True, filters={"label": f"{install_vm.LABEL}={out}"}) == []


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("bench")
    engine = host_engine.client()
    settings = configuration.load()
    cluster = topology.load([settings.topology], settings.compose_environment("tcg"))
    build_images(settings, cluster, Progress(Terminal()), names=["openbsd-installer"])
    standin = _standin(engine, folder)
    need_tools(folder / "apt.log")
    forge = Forge(folder / "forge")
    pxeboot = (STANDIN / "auto_install").read_text().replace("${settings}", f"release={RELEASE.version}")
    forge.make(RELEASE, files={**SIGNED, "pxeboot": pxeboot.encode(), "bsd.rd": standin / "kernel"})
    media = gather(RELEASE, Directory(forge.root), folder / "cache", print, keys=forge.keys)
    site = folder / PLAN.site_set
    site_set.write(site, RELEASE, IMAGES / "openbsd" / "site", IMAGES / "lb")
    return Bench(settings, cluster, engine, acceleration(settings, engine).kind, media, site, standin / "ramdisk")


def _standin(engine: docker.DockerClient, folder: Path) -> Path:
    """Build the stand-in's kernel and ramdisk; return the folder they are copied to."""
    image, _ = engine.images.build(path=str(STANDIN), tag="testbed/openbsd-standin", rm=True)
    made = engine.containers.run(
        image, ["cp", "-r", "/standin", "/out"], volumes={str(folder): {"bind": "/out", "mode": "rw"}}, remove=True,
        user=f"{os.getuid()}:{os.getgid()}",
    )  # fmt: skip
    assert made == b""
    return folder / "standin"


def _requests(log: Path) -> list[str]:
    return install_vm.requests_log(log).read_text().splitlines()


def _arrived(log: Path) -> dict[str, str]:
    """What the stand-in says it got: name to SHA-256."""
    lines = (line.split() for line in log.read_text(errors="replace").splitlines() if line.startswith("standin: got "))
    return {fields[2]: fields[3] for fields in lines}


def _asked(log: Path) -> list[str]:
    """What the stand-in asked, each question with its answer."""
    lines = log.read_text(errors="replace").splitlines()
    return [line.removeprefix("standin: asked ") for line in lines if line.startswith("standin: asked ")]


def _expected_questions(tree: Tree) -> list[str]:
    """What the model of the installer asks, in its newest revision: written apart from the stand-in."""
    served = tree.http / "pub/OpenBSD" / RELEASE.path
    signed = tuple(parse_list((served / "SHA256.sig").read_text().split("\n", 2)[2]))  # behind comment and signature
    offered = tuple(path.name for path in served.iterdir())
    session = installation(REVISIONS[RELEASE.version][-1], RELEASE, Machine(offered, signed))
    responses = Responses((tree.http / "install.conf").read_text())
    answers = {Way.YES_OR_NO: {"y": "yes", "n": "no"}}
    return [f"{question.text} = {answers.get(question.way, {}).get(answer, answer)}"
            for question, answer in play(session, responses)[0]]  # fmt: skip


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _expected_sums(bench: Bench, tree: Tree) -> Mapping[str, str]:
    sets = ("bsd", "bsd.rd", RELEASE.base_set, "BUILDINFO")
    return {
        "disklabel": _sha256(tree.http / "disklabel"),
        PLAN.site_set: _sha256(bench.site),
        **{name: bench.media.digests[name] for name in (*sets, *bench.media.packages)},
    }


@pytest.fixture
def made(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[InstalledDisk, Tree, list[str]]:
    """The disk that `testbed openbsd image` makes of verified files, what was served, and what was reported."""
    write, served = netboot.write, Tree(tmp_path / "served" / "tftp", tmp_path / "served" / "http")

    def write_and_dress(folder: Path, media: Media, response: str, disklabel: str, site: Path) -> Tree:
        tree = write(folder, media, response, disklabel, site)
        bench.dress(tree)
        shutil.copytree(tree.http, served.http)
        return tree

    monkeypatch.setattr(netboot, "write", write_and_dress)
    reported: list[str] = []
    settings = replace(bench.settings, state_dir=tmp_path / "state")
    disk = balancer_disk.make(settings, bench.engine, bench.design, bench.media, bench.accel, reported.append)
    assert balancer_disk.installed(settings) == disk
    assert balancer_disk.is_current(settings, bench.design, disk)
    assert bench.engine.containers.list(all=True, filters={"label": install_vm.LABEL}) == []
    return disk, served, reported


def test_a_machine_is_installed_over_the_network_and_sealed(
    bench: Bench, made: tuple[InstalledDisk, Tree, list[str]], tmp_path: Path
) -> None:
    disk, tree, reported = made
    log = tmp_path / "state" / "logs" / "openbsd-install.log"
    release, packages = f"/pub/OpenBSD/{RELEASE.path}", f"/pub/OpenBSD/{RELEASE.packages_path}"
    sets = ("SHA256.sig", "index.txt", "SHA256.sig", "bsd", "bsd.rd", RELEASE.base_set, PLAN.site_set, "BUILDINFO")
    assert _requests(log) == [
        f"GET /{MAC}-install.conf?path={RELEASE.path} 404",
        f"GET /install.conf?path={RELEASE.path} 200",
        "GET /disklabel 200",
        *(f"GET {release}/{name} 200" for name in sets),
        f"GET {packages}/ 200",
        *(f"GET {packages}/{name} 200" for name in sorted(bench.media.packages)),
    ]
    assert _arrived(log) == _expected_sums(bench, tree)

    lease = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("standin: lease")]
    assert lease == [
        "standin: lease ip: 10.0.2.15",
        "standin: lease next-server: 10.0.2.2",
        "standin: lease filename: auto_install",
        "standin: lease host-name: ",
    ]
    assert _asked(log) == _expected_questions(tree)
    first = ("boot loader", "kernel", "response file", "questions", "disk", "sets", "configuration", "device nodes",
             "relinking", "the first boot is prepared", "restart")  # fmt: skip
    second = ("boot loader", "relinking the kernel", "sealed")
    assert reported == [
        "network boot",
        *(f"network boot: {name}" for name in first),
        "first boot",
        *(f"first boot: {name}" for name in second),
        "packing the disk",
    ]
    # The disk, what it is made of, and the name that clusters know it by.
    assert {path.name for path in disk.path.parent.iterdir()} == {
        disk.path.name, disk.path.with_suffix(".json").name, balancer_disk.CURRENT, "lock",
    }  # fmt: skip
    _check_disk(bench, disk.path)
    _check_node(bench, disk.path, tmp_path)


def _check_disk(bench: Bench, disk: Path) -> None:
    """The disk is a small qcow2 file that holds what the machine wrote, sparse for the rest."""
    script = "qemu-img info --output=json /disk && qemu-img dd -f qcow2 -O raw bs=512 count=1 if=/disk of=/tmp/first"
    output = bench.engine.containers.run(
        INSTALLER, ["-c", f"{script} && sha256sum /tmp/first"], entrypoint="sh", network_mode="none", remove=True,
        volumes={str(disk): {"bind": "/disk", "mode": "ro"}},
    ).decode()  # fmt: skip
    facts, _, rest = output.rpartition("}")
    assert json.loads(facts + "}")["format"] == "qcow2"
    assert json.loads(facts + "}")["virtual-size"] == install_vm.DISK_MIB * 1024 * 1024
    assert rest.split()[0] == hashlib.sha256(boot_sector(SECOND_BOOT)).hexdigest()
    assert disk.stat().st_size < 2 * 1024 * 1024


def _check_node(bench: Bench, disk: Path, folder: Path) -> None:
    """The node's image is made of the disk, and its launcher boots it: its console is the first serial line."""
    context = folder / "lb-openbsd"
    shutil.copytree(IMAGES / "lb-openbsd", context, ignore=shutil.ignore_patterns("build"))
    installed_disk(context, disk).ensure(print)
    node, _ = bench.engine.images.build(path=str(context), tag=NODE_TRIAL, rm=True)
    try:
        (folder / "vm").mkdir()
        alone = {"VM_NICS": "", "VM_CONTROL": "", "VM_BOOT_SECONDS": "0", "VM_ACCEL": bench.accel, "NODE": "lb1"}
        bench.engine.containers.run(
            node, environment=alone, network_mode="none", remove=True,
            devices=["/dev/kvm"] if bench.accel == "kvm" else [],
            volumes={str(folder / "vm"): {"bind": "/run/vm", "mode": "rw"}}, tmpfs={"/disk": ""},
        )  # fmt: skip
        assert "testbed: sealed" in (folder / "vm" / "console.log").read_text(errors="replace")
    finally:
        bench.engine.images.remove(NODE_TRIAL, force=True)


def _without(response: str, question: str) -> str:
    lines = [line for line in response.splitlines(keepends=True) if not line.startswith(question)]
    assert len(lines) == len(response.splitlines()) - 1
    return "".join(lines)


def test_a_question_that_nobody_answers_ends_the_installation(bench: Bench, tmp_path: Path) -> None:
    tree = bench.tree(tmp_path, _without(response_file(PLAN), "Password for root account"))
    reported: list[str] = []
    # As after a testbed that was killed: it goes first, and is not there afterwards.
    bench.engine.containers.create(INSTALLER, ["pack"], labels={install_vm.LABEL: str(tmp_path / "out")})
    with pytest.raises(InstallError) as caught:
        bench.install(tree, tmp_path, reported)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("installing OpenBSD (network boot, questions): the response file has no answer to: ")
    assert '"password for root account?"' in line
    assert f"the complete console is in {tmp_path / 'install.log'}" in line
    assert reported[-1] == "network boot: questions"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_set_that_the_server_does_not_have_ends_the_installation(bench: Bench, tmp_path: Path) -> None:
    tree = bench.tree(tmp_path)
    (tree.http / "pub/OpenBSD" / RELEASE.path / RELEASE.base_set).unlink()
    with pytest.raises(InstallError) as caught:
        bench.install(tree, tmp_path, [])
    line = str(caught.value)
    assert f'the installer gave up after "Fetching of {RELEASE.base_set} failed. Continue anyway? [no] no"' in line
    assert _requests(tmp_path / "install.log")[-1].endswith(f"{RELEASE.base_set} 404")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_network_offers_what_openbsd_looks_for_in_a_lease(bench: Bench, tmp_path: Path) -> None:
    """OpenBSD's dhcpleased(8) takes both from the packet's header, sbin/dhcpleased/engine.c, and no option for them."""
    for name in ("tftp", "http", "work", "log"):
        (tmp_path / name).mkdir()
    (tmp_path / "tftp" / netboot.BOOT_FILE).write_text("#!ipxe\nreboot\n")
    bench.engine.containers.run(
        INSTALLER,
        ["network", "--accel", bench.accel, "--memory", "64", "--seconds", "60", "--",
         "-object", "filter-dump,id=dump,netdev=net,file=/work/packets"],
        network_mode="none", remove=True, devices=["/dev/kvm"] if bench.accel == "kvm" else [],
        volumes={str(tmp_path / at): {"bind": to, "mode": "rw"} for at, to in
                 {"tftp": "/tree/tftp", "http": "/tree/http", "work": "/work", "log": "/log"}.items()},
    )  # fmt: skip
    answers = dhcp_answers(tmp_path / "work" / "packets")
    acknowledged = [answer for answer in answers if answer.options[MESSAGE_TYPE] == bytes([ACK])]
    assert acknowledged
    for answer in answers:
        assert (answer.address, answer.next_server, answer.file) == ("10.0.2.15", "10.0.2.2", "auto_install")
        # Subnet, router, name server, lease time, type, server: what dhcpleased(8) wants of a lease; and no host name.
        assert set(answer.options) == {1, 3, 6, 51, 53, 54}
        assert answer.options[54] == bytes([10, 0, 2, 2])
    assert tftp_requests(tmp_path / "work" / "packets")[0].lstrip("/") == netboot.BOOT_FILE
