"""The console's reader, on scripted consoles in the words that OpenBSD's installer uses; no OpenBSD wrote them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from installer_dialogue import REVISIONS, Machine, installation
from installer_responses import Responses

from testbed.openbsd.install import install_stages
from testbed.openbsd.install.install_console import (
    InstallConsole,
    InstallError,
    InstallLimits,
    StuckAtFirstQuestionError,
)
from testbed.openbsd.install.install_vm import follow
from testbed.openbsd.install.response_file import InstallPlan, response_file
from testbed.openbsd.install.terminal_lines import WIDTH, TerminalLines
from testbed.openbsd.release import Release

LOG = Path("/logs/install.log")
PACE = InstallLimits(quiet=100, silent=1000, total=5000)

SAMPLES = Path(__file__).parent / "samples" / "openbsd"


def _script(name: str) -> list[tuple[str, str]]:
    r"""Read a scripted console: each ``## STAGE`` begins one; a line that ends in ``\c`` has no end."""
    script: list[tuple[str, str]] = []
    for line in (SAMPLES / name).read_text().splitlines():
        if line.startswith("##"):
            script.append((line.removeprefix("##").strip(), ""))
            continue
        text = line.replace("\\e", "\x1b").replace("\\b", "\b").replace("\\r", "\r") + "\r\n"
        script[-1] = (script[-1][0], script[-1][1] + text.replace("\\c\r\n", ""))
    return script


FIRST = _script("network-boot.txt")
SECOND = _script("first-boot.txt")


class Watched:
    """A console, with its reports, and a clock that only the test moves."""

    def __init__(self, boot: install_stages.Boot) -> None:
        self.now = 0.0
        self.reports: list[str] = []
        self.console = InstallConsole(boot, PACE, LOG, self.reports.append, clock=lambda: self.now)

    def play(self, texts: Iterable[str], *, pause: float = 0) -> None:
        for text in texts:
            self.console.check()
            self.console.feed(text.encode())
            self.now += pause


def _texts(script: list[tuple[str, str]], upto: str | None = None) -> Iterator[str]:
    for name, text in script:
        yield text
        if name == upto:
            return


def _names(boot: install_stages.Boot, script: list[tuple[str, str]]) -> list[str]:
    return [boot.name, *(f"{boot.name}: {name}" for name, _ in script if name)]


BOOTS = [
    pytest.param(install_stages.NETWORK, FIRST, id="network"),
    pytest.param(install_stages.DISK, SECOND, id="disk"),
]


@pytest.mark.parametrize(("boot", "script"), BOOTS)
def test_a_normal_boot_is_reported_stage_by_stage(boot: install_stages.Boot, script: list[tuple[str, str]]) -> None:
    watched = Watched(boot)
    watched.play(_texts(script), pause=90)
    watched.console.ended()
    assert watched.reports == _names(boot, script)


@pytest.mark.parametrize(("boot", "script"), BOOTS)
def test_a_slow_console_is_read_byte_by_byte(boot: install_stages.Boot, script: list[tuple[str, str]]) -> None:
    watched = Watched(boot)
    watched.play((character for text in _texts(script) for character in text), pause=1.5)
    watched.console.ended()
    assert watched.reports == _names(boot, script)


@pytest.mark.parametrize("size", [1, 13, 100_000])
def test_a_recorded_console_is_read_whatever_way_it_is_cut(size: int) -> None:
    """Recorded from the machine that stands in for OpenBSD (tests/openbsd): real firmware and boot ROM, no OpenBSD."""
    reported = []
    for name, boot in (("network", install_stages.NETWORK), ("disk", install_stages.DISK)):
        watched = Watched(boot)
        recorded = (SAMPLES / f"standin-{name}.console").read_bytes()
        for at in range(0, len(recorded), size):
            watched.console.feed(recorded[at : at + size])
        watched.console.ended()
        reported += watched.reports
    assert [each.rpartition(": ")[2] for each in reported] == [
        "network boot", "boot loader", "kernel", "response file", "questions", "disk", "sets", "configuration",
        "device nodes", "relinking", "the first boot is prepared", "restart",
        "first boot", "boot loader", "relinking the kernel", "sealed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("boot", "script", "name"),
    [pytest.param(boot, script, name, id=f"{boot.name}-{name}")
     for boot, script in ((install_stages.NETWORK, FIRST), (install_stages.DISK, SECOND)) for name, _ in script],
)  # fmt: skip
def test_a_stall_is_reported_in_every_stage(
    boot: install_stages.Boot, script: list[tuple[str, str]], name: str
) -> None:
    watched = Watched(boot)
    watched.play(_texts(script, name))
    silent = name in ("device nodes", "libraries") or name.startswith(("relinking", "packages", "sealing"))
    watched.now += 85 if not silent else 995
    watched.console.check()
    watched.now += 20
    with pytest.raises(InstallError) as caught:
        watched.console.check()
    shown = "".join(_texts(script, name)).replace("\r", "\n")
    last = [line.strip() for line in shown.split("\n") if line.strip()][-1]
    reported = str(caught.value)
    assert reported.count("\n") == 0
    assert f"last on the screen: {last};" in reported
    assert caught.value.screen[-1] == last
    assert len(caught.value.screen) <= 25
    assert (f"({boot.name}, {name})" if name else f"({boot.name})") in reported
    assert f"the complete console is in {LOG}" in reported
    waits = name == "boot loader" and boot is install_stages.DISK
    assert ("waits for a keystroke" if waits else "no sign of life for") in reported


def test_a_console_that_writes_for_ever_ends_at_the_whole_deadline() -> None:
    watched = Watched(install_stages.NETWORK)
    with pytest.raises(InstallError, match="not done after 83 min"):
        watched.play(("still here\r\n" for _ in range(1000)), pause=50)


def test_both_boots_share_one_deadline() -> None:
    console = InstallConsole(install_stages.DISK, PACE, LOG, lambda _: None, until=30, clock=lambda: 20.0)
    console.check()
    assert console.until == 30


@pytest.mark.parametrize("seed", range(20))
def test_rubbish_neither_breaks_the_reader_nor_hides_what_follows(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (not for secrets)
    rubbish = [
        bytes(chance.randrange(256) for _ in range(3000)).replace(b"login:", b""),
        b"\xff\xfe\xc3\x28\xf0\x9f" * 50,
        b"\x1b[" + b"9;" * 500,
        b"\x1b]0;title\x07\x1b(B\x1b[31m\x1b[2K\x1b",
        b"\x08" * 700,
        b"x" * 50_000,
        b"\x00" * 5000,
    ]
    chance.shuffle(rubbish)
    watched = Watched(install_stages.NETWORK)
    for (_, text), noise in zip(FIRST, rubbish + rubbish, strict=False):
        cut = chance.randrange(len(noise))
        watched.console.feed(noise[:cut])
        watched.console.feed(noise[cut:] + b"\r\n")
        watched.console.feed(text.encode())
    watched.console.ended()
    assert watched.reports[-1] == "network boot: restart"


def test_the_screen_is_what_a_terminal_would_show() -> None:
    screen = TerminalLines()
    lines = [
        *screen.feed(b"\x1b[1"),
        *screen.feed(b";31mred\x1b[0m\r\n|\b/\b-\bok \xc3"),
        *screen.feed(b"\xa9\r\n\r\n login: "),
    ]
    assert lines == ["red", "ok é"]
    assert screen.unfinished == "login:"
    assert [len(line) for line in screen.feed(b"\r" + b"y" * (2 * WIDTH + 1))] == [len("login:"), WIDTH, WIDTH]


UNANSWERED = 'Allow the moon? (yes, no) \r\nQuestion has no answer in response file: "allow the moon? (yes, no)"\r\n'
GAVE_UP = "failed; check /tmp/ai/ai.log\r\n\r\n(I)nstall, (U)pgrade, (A)utoinstall or (S)hell? "
TROUBLES = [
    ("questions", UNANSWERED + GAVE_UP, 'has no answer to: "allow the moon? (yes, no)"'),
    ("questions", "Question has no answer in response file.\r\n", "has no answer to"),  # before 1.1200 or so
    ("response file", "Response file location? [http://10.0.2.2/install.conf] ", "found no response file"),
    ("disk", "No autopartitioning template found.\r\n", "did not get the disk's layout"),
    ("disk", "Autopartitioning failed.\r\n", "layout was refused"),
    ("disk", "'sd9' is not a valid choice.\r\n" + GAVE_UP, "gave up after \"'sd9' is not a valid choice.\""),
    ("sets", "Checksum test for base80.tgz failed. Continue anyway? [no] no\r\n" + GAVE_UP,
     'gave up after "Checksum test for base80.tgz failed. Continue anyway? [no] no"'),
    ("sets", "Fetching of bsd failed. Continue anyway? [no] no\r\n" + GAVE_UP, 'after "Fetching of bsd failed.'),
    ("relinking", "panic: uvm_fault\r\nStopped at db_enter+0x14\r\nddb{0}> ", "panicked: uvm_fault"),
    ("kernel", "Stopped at      db_enter+0x14: popq %rbp\r\nddb> ", "stopped in its debugger"),
    ("kernel", "root device: ", "does not find its disk"),
    ("boot loader", "booting tftp:bsd.rd: open tftp:bsd.rd\r\n failed(2). will try /bsd\r\nboot> ",
     "did not get its kernel"),
    ("", "PXE-E32: TFTP open timeout\r\nNo more network devices\r\n", 'booted after "PXE-E32: TFTP open timeout"'),
    ("packages", "testbed: failed: no route to the mirror\r\n", "reports a failure: no route to the mirror"),
    ("packages", "install.site failed\r\n", "the site set's script failed"),
    ("packages", "\r\nOpenBSD/amd64 (openbsd) (tty00)\r\n\r\nlogin: ", "waits for a login"),
    ("packages", "starting local daemons: crontestbed: failed: interrupted\r\n", "reports a failure: interrupted"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "text", "reported"), TROUBLES)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_trouble_is_reported_when_it_is_seen(stage: str, text: str, reported: str, size: int) -> None:
    watched = Watched(install_stages.NETWORK)
    watched.play(_texts(FIRST, stage))
    with pytest.raises(InstallError) as caught:
        watched.play(text[at : at + size] for at in range(0, len(text), size))
    assert reported in str(caught.value)
    assert f"the complete console is in {LOG}" in str(caught.value)


@pytest.mark.parametrize("stage", ["first start", "relinking the kernel"])
def test_a_login_prompt_is_a_failure_of_the_first_boot_too(stage: str) -> None:
    watched = Watched(install_stages.DISK)
    watched.play(_texts(SECOND, stage))
    with pytest.raises(InstallError, match="waits for a login"):
        watched.console.feed(b"\r\nlogin: ")


def test_a_file_system_to_repair_by_hand() -> None:
    watched = Watched(install_stages.DISK)
    watched.play(_texts(SECOND, "file systems"))
    with pytest.raises(InstallError, match="wants to be repaired by hand"):
        watched.console.feed(b"Automatic file system check failed; help!\r\nEnter pathname of shell or RETURN for sh: ")


@pytest.mark.parametrize("stage", ["", "sets", "relinking", "packages"])
def test_a_machine_that_goes_off_early_is_no_success(stage: str) -> None:
    watched = Watched(install_stages.NETWORK)
    watched.play(_texts(FIRST, stage))
    with pytest.raises(InstallError, match="went off before it was done"):
        watched.console.ended()


ZONE = "What timezone are you in? ('?' for list) [Canada/Mountain] "


def test_a_question_that_is_asked_for_ever_is_reported_with_its_answer_and_the_complaint() -> None:
    """A zone that the installer does not know: it complains and asks again, so the console is never silent."""
    watched = Watched(install_stages.NETWORK)
    watched.play(_texts(FIRST, "sets"))
    turn = f"{ZONE}Mars/Phobos\r\n'Mars/Phobos' is not a valid timezone on this system.\r\n"
    with pytest.raises(InstallError) as caught:
        watched.play([turn] * 1000, pause=0.1)
    assert watched.now < 1
    assert (
        'the installer asked "What timezone are you in?" 5 times, after it said '
        '"\'Mars/Phobos\' is not a valid timezone on this system."; the last answer is "Mars/Phobos"'
    ) in str(caught.value)


def test_a_question_without_an_answer_or_a_complaint_may_not_be_asked_for_ever_either() -> None:
    watched = Watched(install_stages.NETWORK)
    with pytest.raises(InstallError, match=r'asked "Server directory\?" 5 times; the last answer is ""'):
        watched.play(["Server directory? [pub/OpenBSD] \r\n"] * 1000)


@pytest.mark.parametrize("zones", [{"Canada/Mountain"}, set()])
def test_each_question_of_the_installer_is_counted_and_no_good_installation_is_ended(zones: set[str]) -> None:
    """All questions of the installer's model, answered by our response file; without any zone it asks for ever."""
    release = Release("8.0")
    files = ("INSTALL.amd64", "BUILDINFO", *release.sets, "site80.tgz")
    machine = Machine(offered=files, signed=files[:-1], zones=frozenset(zones))
    answers = Responses(response_file(InstallPlan(release)))
    asking = installation(REVISIONS["8.0"][-1], release, machine)
    watched = Watched(install_stages.NETWORK)
    asked = []

    def play() -> None:
        question = next(asking)
        for _ in range(100):
            answer = answers.respond(question)
            asked.append(question.text)
            watched.play([f"{question.text} [{question.default}] {answer}\r\n"])
            question = asking.send(answer)

    with pytest.raises(StopIteration if zones else InstallError):
        play()
    assert max(asked.count(text) for text in asked) == (2 if zones else 5)


FIRST_QUESTION = "(I)nstall, (U)pgrade, (A)utoinstall or (S)hell? "


def test_the_installers_first_question_answers_itself_or_is_left() -> None:
    watched = Watched(install_stages.NETWORK)
    watched.play(_texts(FIRST, "kernel"))
    watched.console.feed(FIRST_QUESTION.encode())
    watched.now += 59
    watched.console.check()
    watched.now += 2
    with pytest.raises(StuckAtFirstQuestionError, match="waits at its first question for 61 s"):
        watched.console.check()


class Starved:
    """A room whose machine stays at its first question in the first boots.

    Args:
        stuck: how many boots.
    """

    log = LOG

    def __init__(self, stuck: int) -> None:
        self.stuck = stuck
        self.deadlines: list[float] = []

    def boot(self, command: Sequence[str], console: InstallConsole, pace: InstallLimits) -> None:
        assert (command, pace) == (["network"], PACE)
        self.deadlines.append(console.until)
        if len(self.deadlines) <= self.stuck:
            raise StuckAtFirstQuestionError("the installer waits at its first question for 61 s")


def test_a_machine_that_stays_at_the_first_question_is_booted_again_once() -> None:
    reported: list[str] = []
    for stuck in (0, 1):
        room = Starved(stuck)
        until = follow(room, ["network"], install_stages.NETWORK, PACE, reported.append, None)
        assert room.deadlines == [until] * (stuck + 1)  # both boots share one deadline
    assert reported.count("the installer waits at its first question: booting again") == 1
    with pytest.raises(StuckAtFirstQuestionError):
        follow(Starved(2), ["network"], install_stages.NETWORK, PACE, reported.append, None)


def test_what_was_answered_with_yes_is_no_trouble() -> None:
    watched = Watched(install_stages.NETWORK)
    watched.play(_texts(FIRST, "sets"))
    watched.play(["Unverified sets: site80.tgz. Continue without verification? [no] yes\r\n"])
    watched.play(_texts(FIRST[7:]))
    assert watched.console.done
