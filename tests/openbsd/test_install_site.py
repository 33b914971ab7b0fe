"""The site set's scripts run by a Korn shell in a root of their own; the installer's rules compared with that shell.

The shell is mksh, which like OpenBSD's ksh comes from pdksh. Around the scripts is a small root: the set unpacked as
the installer does, busybox for the common tools, and for OpenBSD's own programs (pkg_add, rcctl, halt, ...) programs
that record how they were called and fail on request. What those do on OpenBSD is not proved here.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from installer_dialogue import REVISIONS, Machine, installation
from installer_responses import InstallerEndsError, Responses

from testbed.host import apt
from testbed.openbsd.install import site_set
from testbed.openbsd.install.response_file import InstallPlan, response_file
from testbed.openbsd.release import Release

IMAGES = Path(__file__).parents[2] / "images"
SITE = IMAGES / "openbsd" / "site"
RELEASE = Release("8.0")
# OpenBSD's own programs that the scripts call, and where they are.
OPENBSD = {
    "sbin": ("halt", "reboot"),
    "bin": ("sha256",),
    "usr/bin": ("ftp",),
    "usr/sbin": ("pkg_add", "pkg_info", "rcctl"),
}
RECORDER = """#!/bin/ksh
print -r -- "${0##*/}${1:+ $*}" >>/calls
[[ ! -e /fail/${0##*/} ]]
"""
SECRET = "must not be in an image"
# What the installer left: files that must not be in the image, and some that must.
INSTALLED = {
    "etc/ssh/ssh_host_rsa_key": SECRET,
    "etc/ssh/ssh_host_ed25519_key": SECRET,
    "etc/ssh/ssh_host_ed25519_key.pub": SECRET,
    "etc/ssh/sshd_config": "PermitRootLogin prohibit-password\n",
    "etc/soii.key": SECRET,
    "etc/isakmpd/private/local.key": SECRET,
    "etc/isakmpd/local.pub": SECRET,
    "etc/iked/private/local.key": SECRET,
    "etc/iked/local.pub": SECRET,
    "etc/random.seed": SECRET,
    "var/db/host.random": SECRET,
    "etc/hostname.vio0": "inet autoconf\n",
    "etc/myname": "openbsd.my.domain\n",
    "etc/resolv.conf": "nameserver 10.0.2.3 # resolvd: vio0\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/installurl": "http://10.0.2.2/pub/OpenBSD\n",
    "etc/rc.firsttime": "/usr/sbin/fw_update\nsyspatch -c\n",
    "var/db/dhcpleased/vio0": "next-server: 10.0.2.2\n",
    "var/db/kernel.SHA256": "SHA256 (/bsd) = 00\n",
    "var/log/messages": SECRET,
    "var/log/install.resp.123": SECRET,
    "var/log/ai.log.456": SECRET,
    "var/relink/kernel/GENERIC/Makefile": "objects",
    "var/relink/usr/lib/libc.so.1.0.a": "objects",
    "bsd": "kernel",
}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> None:
    if os.geteuid() != 0:
        pytest.skip("a root of its own takes root")
    missing = [name for name in ("mksh", "busybox-static") if not _installed(name)]
    if missing:
        apt.install(missing, "the site set's tests", print, tmp_path_factory.mktemp("apt") / "log")


def _installed(package: str) -> bool:
    return Path(f"/var/lib/dpkg/info/{package}.list").exists()


class Root:
    """A small root on a disk of its own, with the set unpacked in it.

    Args:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)

    def fail(self, program: str) -> None:
        self.fill({f"fail/{program}": ""})

    def run(self, program: str) -> int:
        """Run a program of the set as the installer or rc(8) does, and return its exit status."""
        path = "/sbin:/bin:/usr/sbin:/usr/bin"
        done = subprocess.run(["chroot", self.path, "/usr/bin/env", "-i", f"PATH={path}", program], check=False)
        return done.returncode

    def text(self, name: str) -> str:
        target = self.path / name
        return target.read_text() if target.exists() else ""

    @property
    def console(self) -> list[str]:
        return self.text("dev/console").splitlines()

    @property
    def calls(self) -> list[str]:
        return self.text("calls").splitlines()


@pytest.fixture
def root(tmp_path: Path, tools: None) -> Iterator[Root]:  # noqa: ARG001 -- the tools have to be there
    path = tmp_path / "root"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", path], check=True)
    try:
        made = Root(path)
        for folder in ("bin", "sbin", "usr/bin", "usr/sbin", "dev", "tmp", "usr/libexec"):
            (path / folder).mkdir(parents=True)
        for name, minor in (("null", 3), ("zero", 5)):
            os.mknod(path / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        shutil.copy("/bin/mksh-static", path / "bin" / "ksh")
        shutil.copy("/bin/busybox", path / "bin" / "busybox")
        for name in ("awk", "cat", "cp", "dd", "df", "find", "rm", "sed", "sleep", "sync"):
            (path / "bin" / name).symlink_to("busybox")
        (path / "usr" / "bin" / "env").symlink_to("/bin/busybox")
        site_set.write(tmp_path / "site80.tgz", RELEASE, SITE, IMAGES / "lb")
        subprocess.run(["tar", "-zxphf", tmp_path / "site80.tgz", "-C", path], check=True)
        made.fill({"proc/mounts": "tmpfs / tmpfs rw 0 0\n"})  # busybox's df looks there
        made.fill(INSTALLED)
        programs = [f"{folder}/{name}" for folder, names in OPENBSD.items() for name in names]
        made.fill(dict.fromkeys(programs, RECORDER))
        made.fill({"usr/libexec/reorder_kernel": f"{RECORDER}exit\nKERNEL_DIR=/var/relink/kernel\n"})
        for name in (*programs, "usr/libexec/reorder_kernel"):
            (path / name).chmod(0o755)
        yield made
    finally:
        subprocess.run(["umount", path], check=True)


def test_the_installer_s_first_boot_is_replaced_by_ours(root: Root) -> None:
    assert root.run("/install.site") == 0
    assert root.text("etc/rc.firsttime") == "/usr/local/libexec/testbed/first-boot\n"
    assert root.console == ["testbed: the first boot is prepared"]
    assert root.calls == []


def test_a_set_without_its_facts_restarts_the_machine(root: Root) -> None:
    (root.path / site_set.IMAGE).unlink()
    assert root.run("/install.site") == 1
    assert root.console == ["testbed: failed: the site set has no facts about the image"]
    assert root.calls == ["reboot -q"]


def test_the_first_boot_adds_relinks_seals_and_switches_off(root: Root) -> None:
    assert root.run("/install.site") == 0
    assert root.run("/usr/local/libexec/testbed/first-boot") == 0
    assert root.console[1:] == [
        "testbed: packages: apache-httpd",
        "testbed: relinking the kernel",
        "testbed: sealing",
        "testbed: sealing: free space",
        "testbed: sealed",
    ]
    assert root.calls == [
        "ftp -MV -w 5 -o /dev/null http://10.0.2.2/pub/OpenBSD/8.0/packages/amd64/",
        "pkg_add -I apache-httpd",
        "pkg_info -q -e apache-httpd-*",
        "reorder_kernel",
        "sha256 -C /var/db/kernel.SHA256 /bsd",
        "rcctl stop syslogd smtpd ntpd resolvd dhcpleased slaacd",
        "halt -qp",
    ]


def test_nothing_of_the_installation_is_sealed_in(root: Root) -> None:
    root.run("/install.site")
    assert root.run("/usr/local/libexec/testbed/first-boot") == 0
    left = {path.relative_to(root.path).as_posix(): path for path in root.path.rglob("*") if path.is_file()}
    assert not [name for name, path in left.items() if SECRET.encode() in path.read_bytes()]
    gone = {
        "install.site", "zeroes", "etc/rc.firsttime", "etc/hostname.vio0", "etc/resolv.conf",
        "etc/random.seed", "etc/soii.key", "etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_ed25519_key.pub",
        "etc/iked/local.pub", "etc/isakmpd/local.pub", "var/db/dhcpleased/vio0", "var/log/install.resp.123",
        "var/log/ai.log.456", "var/relink/kernel/GENERIC/Makefile", "var/relink/usr/lib/libc.so.1.0.a",
    }  # fmt: skip
    assert not gone & set(left)
    assert root.text("var/log/messages") == ""
    assert "var/log/messages" in left  # syslogd(8) does not create it
    assert root.text("var/db/host.random") == ""
    assert "var/db/host.random" in left  # rc(8) reads it
    assert root.text("etc/hosts") == INSTALLED["etc/hosts"]
    assert root.text("etc/myname") == "openbsd\n"  # a name for the log of a node's first boot
    assert "10.0.2.2" not in root.text("etc/installurl")
    assert root.text("etc/rc.conf.local") == (SITE / "usr/local/share/testbed/rc.conf.local").read_text()


def test_keys_no_node_uses_are_there_in_name_only(root: Root) -> None:
    root.run("/install.site")
    root.run("/usr/local/libexec/testbed/first-boot")
    for name in ("etc/ssh/ssh_host_rsa_key", "etc/ssh/ssh_host_ecdsa_key", "etc/iked/private/local.key"):
        assert root.text(name).startswith("no key")
        assert (root.path / name).stat().st_mode & 0o777 == 0o600


def test_the_kernel_is_not_relinked_again(root: Root) -> None:
    root.run("/install.site")
    root.run("/usr/local/libexec/testbed/first-boot")
    before = root.calls
    assert root.run("/usr/libexec/reorder_kernel") == 0
    assert root.calls == before


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("pkg_add", "pkg_add apache-httpd ended with status 1"),
        ("pkg_info", "pkg_add did not add apache-httpd"),
        ("reorder_kernel", "reorder_kernel ended with status 1"),
        ("sha256", "the relinked kernel is not in its place"),
    ],
)
def test_a_failure_is_reported_and_switches_the_machine_off(root: Root, program: str, why: str) -> None:
    root.fail(program)
    assert root.run("/usr/local/libexec/testbed/first-boot") == 1
    assert root.console[-1] == f"testbed: failed: {why}"
    assert root.calls[-1] == "halt -qp"
    assert not any("sealed" in line for line in root.console)


def test_packages_are_waited_for_and_their_absence_is_reported(root: Root) -> None:
    root.fail("ftp")
    script = "usr/local/libexec/testbed/first-boot"
    root.fill({script: root.text(script).replace("sleep 1", ":")})  # thirty seconds at once
    assert root.run("/usr/local/libexec/testbed/first-boot") == 1
    assert root.console[-1] == "testbed: failed: no packages at http://10.0.2.2/pub/OpenBSD/8.0/packages/amd64/"
    assert sum(call.startswith("ftp") for call in root.calls) == 30


def test_a_relinking_that_keeps_its_objects_elsewhere_is_not_guessed_at(root: Root) -> None:
    root.fill({"usr/libexec/reorder_kernel": f"{RECORDER}exit\nKERNEL_DIR=/\n"})
    assert root.run("/usr/local/libexec/testbed/first-boot") == 1
    assert root.console[-1] == "testbed: failed: where the kernel's objects are is not clear: '/'"
    assert root.text("bsd") == "kernel"


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    "name", ["install.site", *(f"usr/local/libexec/testbed/{n}" for n in ("first-boot", "seal", "console"))]
)
def test_the_shell_can_read_it(name: str) -> None:
    subprocess.run(["mksh", "-n", SITE / name], check=True)


# --- The installer's rules, compared with a shell of the same family ----------------------------------------------
# The same patterns decide in install.sub; the loop around them is our own. It prints the answer, and keeps what is
# left of the file.
FINDER = r"""
typeset -l asked=$1 part
exec 3>left
while IFS=' 	' read -r line; do
    if [[ $line == [!#=]*=?* ]]; then
        part=${line%%*([[:blank:]])=*}
        if [[ $asked == @(|*[[:blank:]])"$part"@([[:blank:]?]*|) ]]; then
            print -r -- "${line##*([!=])=*([[:blank:]])}"
            cat >&3
            mv left responses
            exit 0
        fi
        print -r -u3 -- "$line"
    fi
done <responses
mv left responses
[[ -n $2 ]] && print -r -- "$2" && exit 0
exit 1
"""


def shell_answers(folder: Path, text: str, questions: list[tuple[str, str]]) -> list[str | None]:
    """What the shell finds for each question in turn, None where the installer would end."""
    (folder / "responses").write_bytes(text.encode())
    (folder / "finder").write_text(FINDER)
    found: list[str | None] = []
    for question, default in questions:
        done = subprocess.run(
            ["mksh", "finder", question, default], cwd=folder, capture_output=True, check=False, env={"LC_ALL": "C"}
        )
        found.append(done.stdout.decode().removesuffix("\n") if done.returncode == 0 else None)
    return found


def model_answers(text: str, questions: list[tuple[str, str]]) -> list[str | None]:
    responses = Responses(text)
    found: list[str | None] = []
    for question, default in questions:
        try:
            found.append(responses.find(question, default))
        except InstallerEndsError:
            found.append(None)
    return found


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("seed", range(60))
def test_the_model_finds_what_the_shell_finds(tmp_path: Path, seed: int) -> None:
    """Files and questions made of few letters, so that they meet often, at all kinds of borders."""
    pick = random.Random(seed)  # noqa: S311 -- nothing secret

    def text_of(most: int) -> str:
        return "".join(pick.choices(bits, k=pick.randint(0, most)))

    bits = ["a", "A", "b", " ", " ", "\t", "?", "=", "=", "#", "*", "[a]", "\\", "$x", "'", '"', "(a)", ".", "-", "!"]
    lines = [f"{text_of(4)}{pick.choice(['=', ' = ', '==', ''])}{text_of(4)}" for _ in range(12)]
    text = "\n".join(lines) + pick.choice(["\n", ""])
    questions = [(text_of(7).strip() or "a", pick.choice(["", "default"])) for _ in range(6)]
    assert model_answers(text, questions) == shell_answers(tmp_path, text, questions)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("version", list(REVISIONS))
def test_the_shell_answers_an_installation_as_the_model_does(tmp_path: Path, version: str) -> None:
    plan = InstallPlan(Release(version))
    offered = ("BUILDINFO", "INSTALL.amd64", *plan.release.sets, plan.site_set)
    session = installation(REVISIONS[version][-1], plan.release, Machine(offered, offered[:-1]))
    responses = Responses(response_file(plan))
    asked: list[tuple[str, str]] = []
    try:
        question = next(session)
        while True:
            asked.append((question.text, question.default))
            question = session.send(responses.respond(question))
    except StopIteration:
        pass
    assert len(asked) > 20
    assert model_answers(response_file(plan), asked) == shell_answers(tmp_path, response_file(plan), asked)
    assert (tmp_path / "responses").read_text() == ""
