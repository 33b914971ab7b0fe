"""What the installer asks in an installation as ours, in its order, for each supported release.

As ours: booted from the network, one card, one empty disk, a serial console, sets by HTTP from a server that has no
list of mirrors, and a set of our own. The order and every text are those of do_install and what it calls in
distrib/miniroot/install.sub, and of md_prep_fdisk in distrib/amd64/common/install.md (1.67).

The stored history of openbsd/src has no revision of these months; those read are copies in forks that changed names
only: 1.1266 (9 July 2024), 1.1288 (10 August 2026) and 1.1292 (19 September 2026). 7.9 (May 2026) lies between the
first two and 8.0 (October 2026) after them, so 7.9 is held against both neighbours: a question that is alike in both is
taken to have been there in between. No difference among them touches an answer of ours:

- 1.1288 offers NFS among the locations of sets, 1.1266 does not;
- 1.1292 wants 1 GiB free in /tmp or /home for fetched sets, the others 512 MiB; all want more than 2 GiB elsewhere;
- 1.1288 and later rather take a disk of 1 GiB or more for the root disk; ours is the only one.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from installer_responses import InstallerEndsError, Question, Way

from testbed.openbsd.release import ARCH, Release

Asking = Generator[Question, str, str]

_SPEEDS = ("9600", "19200", "38400", "57600", "115200")
_MUST_BE_FREE_KIB = 2 * 1024 * 1024
_HOST = re.compile(r"(?:https?://)?[A-Za-z0-9:.\[\]%_-]+")
_DEFAULT_ZONE = "Canada/Mountain"  # /etc/localtime of the base set


@dataclass(frozen=True)
class Revision:
    """A state of install.sub.

    Args:
        number: its revision.
        nfs: the installer can fetch sets by NFS.
    """

    number: str
    nfs: bool


_R1266 = Revision("1.1266", nfs=False)
_R1288 = Revision("1.1288", nfs=True)
_R1292 = Revision("1.1292", nfs=True)
# What each release is held against: see above.
REVISIONS: dict[str, tuple[Revision, ...]] = {"7.9": (_R1266, _R1288), "8.0": (_R1288, _R1292)}


@dataclass(frozen=True)
class Machine:
    """What the installer finds.

    Args:
        offered: names in the server's index.txt.
        signed: names in its SHA256.sig.
        spoilt: files that do not have the digest that SHA256.sig says.
        signature_good: SHA256.sig is signed with the release's key.
        zones: time zones it knows.
        display: it has a screen, besides the serial console.
        router: DHCP gave it a router.
        free_kib: room on the root file system before the sets are fetched, KiB.
    """

    offered: tuple[str, ...]
    signed: tuple[str, ...]
    spoilt: frozenset[str] = frozenset()
    signature_good: bool = True
    zones: frozenset[str] = frozenset({"UTC", "Europe/Stockholm", _DEFAULT_ZONE})
    display: bool = False
    router: bool = True
    free_kib: int = 4 * 1024 * 1024


@dataclass(frozen=True)
class Installed:
    """What an installation came to.

    Args:
        sets: installed, in order.
        source: where they came from.
        zone: the time zone.
        disk: the root disk.
        template: address of the disk's layout.
    """

    sets: tuple[str, ...]
    source: str
    zone: str
    disk: str
    template: str


def installation(revision: Revision, release: Release, machine: Machine) -> Generator[Question, str, Installed]:
    """Ask what the installer asks.

    Args:
        revision: of install.sub.
        release: the one that is installed.
        machine: what the installer finds.

    Yields:
        Each question.

    Returns:
        What was installed.

    Raises:
        InstallerEndsError: an answer, or the files, end it.
    """
    yield Question("Terminal type?", "vt220", source="set_term")
    hostname = yield Question("System hostname? (short form, e.g. 'foo')", source="do_install")
    if re.search(r"\s", hostname):
        raise InstallerEndsError(f"{hostname!r} is not a host name")
    yield from _network(machine)
    yield Question("Password for root account?", way=Way.PASSWORD, source="do_install")
    yield Question("Public ssh key for root account?", "none", source="do_install")
    yield from _daemons(machine)
    disk = yield Question("Which disk is the root disk? ('?' for details)", "sd0", source="get_rootinfo")
    if disk != "sd0":
        raise InstallerEndsError(f"no such disk: {disk}")
    yield from _until(
        Question("Encrypt the root disk with a (p)assphrase or (k)eydisk?", "no", source="encrypt_root"), "[nN].*"
    )
    yield from _until(
        Question("Use (W)hole disk MBR, whole disk (G)PT or (E)dit?", "whole", source="md_prep_fdisk"), "[wW].*"
    )
    template = yield Question("URL to autopartitioning template for disklabel?", "none", source="disklabel_autolayout")
    if template == "none":
        yield from _until(
            Question(
                "Use (A)uto layout, (E)dit auto layout, or create (C)ustom layout?", "a", source="disklabel_autolayout"
            ),
            "[aA].*",
        )
    sets, source = yield from _sets(revision, release, machine)
    zone = yield from _zone(machine)
    return Installed(sets, source, zone, disk, template)


def _until(question: Question, allowed: str) -> Asking:
    """Ask until the answer is allowed: a wrong one uses its line up, and the default comes next."""
    while True:
        answer = yield question
        if re.fullmatch(allowed, answer):
            return answer


def _network(machine: Machine) -> Generator[Question, str, None]:
    interfaces = ("vio0", "vlan0")
    default = "vio0"  # the one that was booted from
    while True:
        chosen = yield Question(
            "Network interface to configure? (name, lladdr, '?', or 'done')", default, source="configure_ifs"
        )
        if chosen == "done":
            break
        if chosen not in interfaces:
            raise InstallerEndsError(f"no such interface: {chosen}")
        four = yield Question(f"IPv4 address for {chosen}? (or 'autoconf' or 'none')", "autoconf", source="v4_config")
        six = yield Question(f"IPv6 address for {chosen}? (or 'autoconf' or 'none')", "autoconf", source="v6_config")
        if four not in {"a", "autoconf", "dhcp"} or six not in {"none", "a", "autoconf"}:
            raise InstallerEndsError("an installation with fixed addresses is not ours")
        default = "done"
    # Neither domain nor name servers are asked for: DHCP configured the only interface (donetconfig).
    if not machine.router:
        yield Question("Default IPv4 route? (IPv4 address or 'none')", source="v4_defroute")


def _daemons(machine: Machine) -> Generator[Question, str, None]:
    sshd = yield Question("Start sshd(8) by default?", "yes", Way.YES_OR_NO, source="questions")
    if machine.display:
        yield Question(
            "Do you want the X Window System to be started by xenodm(1)?", "no", Way.YES_OR_NO, source="questions"
        )
    console = yield Question("Change the default console to com0?", "yes", Way.YES_OR_NO, source="questions")
    if console == "y":
        yield Question("Which speed should com0 use?", "115200", Way.ONE_OF, _SPEEDS, "questions")
    user = yield Question("Setup a user? (enter a lower-case loginname, or 'no')", "no", source="user_setup")
    if user not in {"n", "no"}:
        raise InstallerEndsError("an installation with a user is not ours")
    if sshd == "y":
        login = yield Question("Allow root ssh login? (yes, no, prohibit-password)", "no", source="ask_root_sshd")
        if login.lower() not in {"y", "yes", "n", "no", "w", "p", "without-password", "prohibit-password"}:
            raise InstallerEndsError(f"{login!r} is not a choice")


def _zone(machine: Machine) -> Asking:
    """Ask for the time zone, after the sets: the installer has no list of zones before."""
    while True:
        zone = yield Question("What timezone are you in? ('?' for list)", _DEFAULT_ZONE, source="set_timezone")
        if zone in machine.zones:
            return zone


def _sets(
    revision: Revision, release: Release, machine: Machine
) -> Generator[Question, str, tuple[tuple[str, ...], str]]:
    """Ask where the sets are until it is ``done``; unattended, that is the default as soon as sets were installed."""
    ways = "disk http nfs" if revision.nfs else "disk http"
    default, source = "http", ""
    installed: tuple[str, ...] = ()
    while True:
        location = yield Question(f"Location of sets? ({ways} or 'done')", default, source="install_sets")
        if location == "done":
            break
        if location[:1].lower() != "h":
            raise InstallerEndsError(f"sets by {location!r} are not ours")
        source = yield from _server(release)
        installed = yield from _files(release, machine)
        default = "done"
    for needed in ("bsd", release.base_set):
        if needed not in installed:
            question = Question(
                f"Are you *SURE* your install is complete without '{needed}'?", "no", Way.YES_OR_NO, (), "sane_install"
            )
            if (yield question) == "n":
                raise InstallerEndsError(f"{needed} is missing")
    return installed, source


def _server(release: Release) -> Asking:
    yield Question("HTTP proxy URL? (e.g. 'http://proxy:8080', or 'none')", "none", source="install_http")
    # Without the list of mirrors, because the installer cannot reach the outside.
    server = yield from _until(Question("HTTP Server? (hostname or 'done')", source="install_http"), _HOST.pattern)
    folder = yield Question("Server directory?", f"pub/OpenBSD/{release.path}", source="install_http")
    address = server if "://" in server else f"https://{server}"
    return f"{address}/{folder.lstrip('/')}"


def _files(release: Release, machine: Machine) -> Generator[Question, str, tuple[str, ...]]:
    """Let sets be chosen, and check them: install_files."""
    signed = machine.signed if machine.signature_good else ()
    files = [*(("SHA256.sig",) if signed else ()), *signed, *machine.offered]
    known = [name for name in _known_sets(release) if name in files]
    if not known:
        raise InstallerEndsError("no sets on the server")
    if f"INSTALL.{ARCH}" not in files:
        question = Question(
            f"INSTALL.{ARCH} not found. Use sets found here anyway?", "no", Way.YES_OR_NO, (), "install_files"
        )
        if (yield question) == "n":
            return ()
    site = f"site{release.number}.tgz"
    chosen = yield from _select(known, {name for name in known if name != site})
    wanted = [name for name in known if name in chosen] + (["BUILDINFO"] if "BUILDINFO" in files else [])
    if not chosen:
        return ()
    yield from _verify(wanted, machine, signed_list="SHA256.sig" in files)
    return tuple(wanted)


def _verify(wanted: list[str], machine: Machine, *, signed_list: bool) -> Generator[Question, str, None]:
    """Fetch what is wanted and compare digests; what cannot be fetched is no longer wanted, if that is allowed."""
    unverified = list(wanted)
    if not signed_list:
        issue = "Directory does not contain SHA256.sig"
    elif machine.free_kib <= _MUST_BE_FREE_KIB:
        issue = "Cannot determine prefetch area"
    elif not machine.signature_good:
        issue = "Signature check of SHA256.sig failed"
    else:
        yield from _fetch(wanted, unverified, machine)
        issue = f"Unverified sets: {' '.join(unverified)}" if unverified else ""
    if issue:
        yield from _insist(f"{issue}. Continue without verification?", issue)


def _fetch(wanted: list[str], unverified: list[str], machine: Machine) -> Generator[Question, str, None]:
    for name in tuple(wanted):
        if name not in machine.offered:
            yield from _insist(f"Fetching of {name} failed. Continue anyway?", f"{name} cannot be fetched")
            wanted.remove(name)
            unverified.remove(name)
        elif name in machine.signed and name not in machine.spoilt:
            unverified.remove(name)
        else:
            yield from _insist(f"Checksum test for {name} failed. Continue anyway?", f"the checksum of {name} is wrong")


def _insist(text: str, why: str) -> Generator[Question, str, None]:
    """Ask whether to go on all the same."""
    if (yield Question(text, "no", Way.YES_OR_NO, (), "install_files")) == "n":
        raise InstallerEndsError(why)


def _known_sets(release: Release) -> list[str]:
    """ALLSETS for one processor, in the order of installation."""
    sets = ("base", "comp", "man", "game", "xbase", "xshare", "xfont", "xserv", "site")
    return ["bsd", "bsd.rd", *(f"{name}{release.number}.tgz" for name in sets)]


def _select(known: list[str], selected: set[str]) -> Generator[Question, str, set[str]]:
    """Let sets be named, added and (with a minus) taken away until one word is ``done``: select_sets."""
    while True:
        answer = yield Question("Set name(s)? (or 'abort' or 'done')", "done", source="select_sets")
        for word in answer.split():
            if word == "abort":
                return set()
            if word == "done":
                return selected
            pattern = re.sub(r"^[+-]", "", word)
            matching = {name for name in known if pattern == "all" or fnmatchcase(name, pattern)}
            selected = selected - matching if word.startswith("-") else selected | matching
