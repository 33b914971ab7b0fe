"""Our response file plays an installation of every supported release through, with no line too many or too few."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import starmap

import pytest
from installer_dialogue import REVISIONS, Installed, Machine, Revision, installation
from installer_responses import InstallerEndsError, Question, Responses, play

from testbed.openbsd.install.response_file import InstallPlan, disklabel_template, response_file
from testbed.openbsd.release import SUPPORTED, Release

CASES = [(version, revision) for version in SUPPORTED for revision in REVISIONS[version]]
every_release = pytest.mark.parametrize(("version", "revision"), CASES, ids=[f"{v}-{r.number}" for v, r in CASES])
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAA== testbed"


def plan_of(version: str) -> InstallPlan:
    return InstallPlan(Release(version), ssh_key=KEY)


def server(plan: InstallPlan) -> Machine:
    """The server as it is served: what SHA256.sig names, of which only our sets lie there, and our own set."""
    number = plan.release.number
    all_sets = [f"{name}{number}.tgz" for name in ("base", "comp", "man", "game", "xbase", "xshare", "xfont", "xserv")]
    signed = ("BUILDINFO", "INSTALL.amd64", "bsd", "bsd.mp", "bsd.rd", "cd80.iso", "pxeboot", *all_sets)
    offered = ("BUILDINFO", "INSTALL.amd64", "SHA256.sig", *plan.release.sets, plan.site_set)
    return Machine(offered, signed)


def run(
    plan: InstallPlan, revision: Revision, text: str, machine: Machine | None = None
) -> tuple[list[tuple[Question, str]], Installed, Responses]:
    responses = Responses(text)
    asked, outcome = play(installation(revision, plan.release, machine or server(plan)), responses)
    return asked, outcome, responses


@every_release
def test_every_question_is_answered_and_no_line_is_left(version: str, revision: Revision) -> None:
    plan = plan_of(version)
    _, outcome, responses = run(plan, revision, response_file(plan))
    assert responses.unused == ()
    assert outcome == Installed(
        sets=("bsd", "bsd.rd", plan.release.base_set, plan.site_set, "BUILDINFO"),
        source=f"http://10.0.2.2/pub/OpenBSD/{version}/amd64",
        zone="UTC",
        disk="sd0",
        template="http://10.0.2.2/disklabel",
    )


@every_release
def test_each_answer_reaches_the_question_it_was_written_for(version: str, revision: Revision) -> None:
    plan = plan_of(version)
    asked, _, _ = run(plan, revision, response_file(plan))
    given = {question.text: answer for question, answer in reversed(asked)}  # the first time each was asked
    for line in response_file(plan).splitlines():
        key, _, answer = line.partition(" = ")
        (text,) = [text for text in given if text.lower().startswith(key.lower())]
        assert given[text] in {answer, answer[0]}


@every_release
def test_a_line_less_or_misspelt_shows(version: str, revision: Revision) -> None:
    """Whatever line is missing, the installer ends, or something else is installed than was meant."""
    plan = plan_of(version)
    lines = response_file(plan).splitlines(keepends=True)
    whole = run(plan, revision, "".join(lines))
    same = []
    for place, line in enumerate(lines):
        rest = [*lines[:place], *lines[place + 1 :]]
        misspelt = [*lines[:place], f"x{line}", *lines[place + 1 :]]
        missing = outcome_of(plan, revision, rest)
        assert outcome_of(plan, revision, misspelt) == missing
        if missing == (_answers(whole[0]), whole[1]):
            same.append(line.split(" = ")[0])
    # Lines that say what is the default too, so that a changed default does not change what we install.
    assert same == [
        "Network interface to configure",
        "IPv4 address for vio0",
        "Start sshd(8) by default",
        "Change the default console to com0",
        "Which speed should com0 use",
        "Setup a user",
        "Which disk is the root disk",
        "Use (W)hole disk",
        "Location of sets",
        "Server directory",
    ]


def _answers(asked: list[tuple[Question, str]]) -> list[str]:
    return [answer for _, answer in asked]


def outcome_of(plan: InstallPlan, revision: Revision, lines: list[str]) -> tuple[list[str], Installed] | str:
    try:
        asked, outcome, _ = run(plan, revision, "".join(lines))
    except InstallerEndsError as error:
        return str(error)
    return _answers(asked), outcome


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("System hostname", "System hostname"),
        ("Password for root account", "Password for root account"),
        ("HTTP Server", "HTTP Server"),
        ("Checksum test for site80.tgz", "the checksum of site80.tgz is wrong"),
        ("Unverified sets: site80.tgz", "Unverified sets: site80.tgz"),
        # Without it all sets are wanted that SHA256.sig names, and most of them are not there.
        ("Set name(s)", "comp80.tgz cannot be fetched"),
    ],
)
def test_where_the_installer_ends_without_a_line(line: str, why: str) -> None:
    plan = plan_of("8.0")
    rest = [text for text in response_file(plan).splitlines(keepends=True) if not text.startswith(line)]
    with pytest.raises(InstallerEndsError, match=re.escape(why)):
        run(plan, REVISIONS["8.0"][-1], "".join(rest))


def _spoil(name: str) -> Callable[[Machine], Machine]:
    return lambda machine: replace(machine, spoilt=frozenset({name}))


def _lose(name: str) -> Callable[[Machine], Machine]:
    return lambda machine: replace(machine, offered=tuple(each for each in machine.offered if each != name))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (_spoil("base80.tgz"), "the checksum of base80.tgz is wrong"),
        (_spoil("bsd"), "the checksum of bsd is wrong"),
        (_spoil("BUILDINFO"), "the checksum of BUILDINFO is wrong"),
        (_lose("base80.tgz"), "base80.tgz cannot be fetched"),
        (_lose("BUILDINFO"), "BUILDINFO cannot be fetched"),
        (lambda machine: replace(machine, signature_good=False), "Signature check of SHA256.sig failed"),
        (lambda machine: replace(machine, free_kib=2 * 1024 * 1024), "Cannot determine prefetch area"),
        (lambda machine: replace(machine, router=False), "Default IPv4 route"),
    ],
)
def test_a_damaged_mirror_ends_the_installation(damage: Callable[[Machine], Machine], why: str) -> None:
    """The two lines that let our own set through let nothing else through."""
    plan = plan_of("8.0")
    with pytest.raises(InstallerEndsError, match=why):
        run(plan, REVISIONS["8.0"][-1], response_file(plan), damage(server(plan)))


def test_a_screen_s_question_is_left_to_its_default() -> None:
    plan = plan_of("8.0")
    machine = replace(server(plan), display=True)
    _, outcome, responses = run(plan, REVISIONS["8.0"][-1], response_file(plan), machine)
    assert outcome.sets[0] == "bsd"
    assert not responses.unused


def test_a_wrong_time_zone_falls_back_to_the_default() -> None:
    plan = InstallPlan(Release("8.0"), timezone="Utopia/Nowhere")
    _, outcome, _ = run(plan, REVISIONS["8.0"][-1], response_file(plan))
    assert outcome.zone == "Canada/Mountain"


def test_a_key_is_answered_only_when_there_is_one() -> None:
    assert "Public ssh key" not in response_file(InstallPlan(Release("8.0")))
    assert f"Public ssh key for root account = {KEY}\n" in response_file(plan_of("8.0"))


def test_every_supported_release_has_its_revisions() -> None:
    assert set(REVISIONS) == set(SUPPORTED)


def size(text: str) -> float:
    """MiB, of what parse_sizerange of editor.c reads: a number and a unit, or ``*``."""
    if text == "*":
        return float("inf")
    match = re.fullmatch(r"([0-9]+)([KMGT])", text)
    assert match is not None
    return float(match[1]) * {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024 * 1024}[match[2]]


def test_the_layout_fits_a_disk_of_eight_gib_and_lets_sets_be_fetched() -> None:
    lines = disklabel_template(InstallPlan(Release("8.0"))).splitlines()
    mounts, ranges, shares = zip(*(line.split(" ") for line in lines), strict=True)
    assert mounts == ("/", "swap")  # so they become partitions a and b, as the installer expects
    limits = [tuple(map(size, each.split("-"))) for each in ranges]
    assert all(starmap(lambda low, high: low <= high, limits))
    assert sum(low for low, _ in limits) < 8192
    assert sum(int(share.removesuffix("%")) for share in shares) == 100
    assert limits[0][0] * 0.9 > 2048  # free for fetched sets
