"""Follows an installation on its serial console: what stage it is at, whether it goes on, and why it does not.

It reads and never types: an installation that needs a person at the console is broken. It is driven by bytes and by a
clock, and knows nothing of where they come from.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.openbsd.install import install_stages
from testbed.openbsd.install.install_stages import Boot, InstallStage, Trouble
from testbed.openbsd.install.terminal_lines import TerminalLines
from testbed.wait import FinalError

Report = Callable[[str], None]

_RECENT = 8  # lines in which a reason for giving up is looked for
_SCREEN = 24  # lines of a terminal
_PROMPT_SECONDS = 90.0  # a boot loader goes on by itself after five, however slow the VM
_FIRST_SECONDS = 60.0  # the installer's first question does, too
_REPEATS = 5  # an installation as ours is asked nothing more than twice


class InstallError(FinalError):
    """An installation that will not come to its end.

    Args:
        what: what went wrong, one line.
        screen: what stood on the console last, a line each.
        where: at which stage.
        fix: where to look closer.
    """

    def __init__(self, what: str, *, screen: Sequence[str] = (), where: str = "", fix: str = "") -> None:
        self.screen = tuple(screen)
        super().__init__(what, where=where, fix=fix)


class StuckAtFirstQuestionError(InstallError):
    """The installer does not go on from its first question by itself; another boot does (seen once in eight)."""


@dataclass(frozen=True)
class InstallLimits:
    """How long an installation may take.

    Args:
        quiet: seconds without a single byte.
        silent: the same, in a stage that works without a word.
        total: seconds for both boots.
    """

    quiet: float
    silent: float
    total: float


# Emulated, a VM is ten to twenty times slower; linking a kernel is nothing but work.
LIMITS = {"kvm": InstallLimits(180, 900, 5400), "tcg": InstallLimits(900, 5400, 21600)}


class InstallConsole:
    """One boot's console.

    Attributes:
        done: whether the VM reported its end; then it only has to go off.
        stage: where it is.
        until: when the installation has to be done, on the clock's time.

    Args:
        boot: what is expected of it.
        pace: how long it may take.
        log: keeps the console, for the error.
        report: called with each stage as it begins.
        until: when the installation has to be done, on the clock's time.
        clock: seconds.
    """

    def __init__(
        self,
        boot: Boot,
        pace: InstallLimits,
        log: Path,
        report: Report,
        *,
        until: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.boot = boot
        self.done = False
        self._pace = pace
        self._log = log
        self._report = report
        self._clock = clock
        self._heard = clock()
        self.until = self._heard + pace.total if until is None else until
        self._screen = TerminalLines()
        self._recent: deque[str] = deque(maxlen=_SCREEN)
        self._ahead = list(boot.stages)
        self._asked: Counter[str] = Counter()
        self._question, self._complaint = "", ""  # the last one, and what was printed after it
        self._begin(InstallStage(boot.name, install_stages.BOOT))

    def feed(self, data: bytes) -> None:
        """Take what the console wrote next.

        Args:
            data: any number of bytes, cut anywhere.

        Raises:
            InstallError: it shows something that an installation does not recover from.
        """
        if not data:
            return
        self._heard = self._clock()
        for line in self._screen.feed(data):
            self._recent.append(line)
            self._stages(line)
            self._line(line)
        self._stages(self._screen.unfinished)
        self._troubles(install_stages.PROMPTS, self._screen.unfinished)

    def check(self) -> None:
        """Look at the clock.

        Raises:
            InstallError: it has been silent for too long, or takes too long.
        """
        now = self._clock()
        silence = now - self._heard
        if install_stages.BOOT.match(self._screen.unfinished) and silence > _PROMPT_SECONDS:
            raise self._error("the boot loader waits for a keystroke")
        if install_stages.FIRST.match(self._screen.unfinished) and silence > _FIRST_SECONDS:
            raise self._error(
                f"the installer waits at its first question for {silence:.0f} s", StuckAtFirstQuestionError
            )
        if silence > (self._pace.silent if self.stage.silent else self._pace.quiet):
            raise self._error(f"no sign of life for {silence:.0f} s")
        if now > self.until:
            raise self._error(f"not done after {self._pace.total / 60:.0f} min")

    def ended(self) -> None:
        """Take it that the VM has switched itself off, or restarted.

        Raises:
            InstallError: it was not done.
        """
        if not self.done:
            raise self._error("the VM went off before it was done", reason=True)

    def _begin(self, stage: InstallStage) -> None:
        self.stage = stage
        name = self.boot.name
        self._report(name if stage.name == name else f"{name}: {stage.name}")

    def _stages(self, line: str) -> None:
        for number, stage in enumerate(self._ahead):
            if stage.begins.search(line):
                del self._ahead[: number + 1]
                self._begin(stage)
                return

    def _line(self, line: str) -> None:
        if self.boot.done.search(line):
            self.done = True
        if failed := install_stages.FAILED.search(line):
            raise self._error(f"the site set reports a failure: {failed[1] or 'without a reason'}")
        if (own := install_stages.OURS.search(line)) and own[1] != self.stage.name:
            self._begin(InstallStage(own[1], install_stages.OURS, bool(install_stages.SILENT.search(own[1]))))
        self._troubles(install_stages.LINES, line)
        self._repeats(line)

    def _repeats(self, line: str) -> None:
        """Count questions: an answer that the installer does not take is asked for again, without an end."""
        if not (asked := install_stages.QUESTION.match(line)):
            self._complaint = self._complaint or line
            return
        question, answer = asked.groups()
        self._asked[question] += 1
        if self._asked[question] >= _REPEATS:
            why = f', after it said "{self._complaint}"' if self._complaint and self._question == question else ""
            raise self._error(f'the installer asked "{question}" {_REPEATS} times{why}; the last answer is "{answer}"')
        self._question, self._complaint = question, ""

    def _troubles(self, troubles: tuple[Trouble, ...], text: str) -> None:
        for trouble in troubles:
            if seen := trouble.seen.search(text):
                raise self._error(trouble.means.format(*seen.groups()), reason=trouble.reason)

    def _error(self, what: str, kind: type[InstallError] = InstallError, *, reason: bool = False) -> InstallError:
        if reason:
            omens = [line for line in list(self._recent)[-_RECENT:] if install_stages.OMENS.search(line)]
            what += f' after "{omens[-1]}"' if omens else ""
        screen = [line for line in (*self._recent, self._screen.unfinished) if line]
        at = self.boot.name if self.stage.name == self.boot.name else f"{self.boot.name}, {self.stage.name}"
        return kind(
            f"{what}; last on the screen: {screen[-1] if screen else 'nothing'}",
            screen=screen,
            where=f"installing OpenBSD ({at})",
            fix=f"the complete console is in {self._log}",
        )
