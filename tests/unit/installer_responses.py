"""How OpenBSD's installer finds its answers: the rules of a response file, as a model that tests can ask.

The rules are those of ``_autorespond``, ``ask``, ``ask_until``, ``ask_yn``, ``ask_which`` and ``ask_password`` in
OpenBSD's distrib/miniroot/install.sub (read in revisions 1.815, 1.1266, 1.1288 and 1.1292: they are the same in all
four), and of autoinstall(8):

- a line counts when it starts with neither ``#`` nor ``=`` and something stands behind a ``=``;
- question and answer are parted by the leftmost ``=``; blanks around both are nothing;
- case is nothing, in questions; the part given must begin at the question's start or behind a blank, and end at its
  end, before a blank or before a question mark;
- the first line that fits answers, and is used up;
- a question that no line fits gets its default; without one the installer ends;
- an answer that is none of those a question allows ends the installer too (``ask_yn``, ``ask_which``).

A last line that no newline ends is never seen: the shell's ``read`` fails on it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from testbed.errors import TestbedError

_BLANKS = " \t"
_USABLE = re.compile(r"[^#=].*=.", re.DOTALL)
# The installer's shell lowers ASCII alone; Python would lower, and lengthen, others too.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

Outcome = TypeVar("Outcome")


class InstallerEndsError(TestbedError):
    """The installer would give up here."""


class Way(Enum):
    """Which of install.sub's functions asks: they differ in what they make of the answer."""

    ANY = "ask, ask_until"
    YES_OR_NO = "ask_yn"
    ONE_OF = "ask_which"
    PASSWORD = "ask_password"


@dataclass(frozen=True)
class Question:
    """A question as the installer puts it.

    Args:
        text: all of it, with what stands in brackets behind the question mark.
        default: taken when the answer is empty; empty when there is none.
        way: how the answer is looked at.
        choices: of ``ONE_OF``; the installer adds ``done``.
        source: the function that asks, in install.sub or amd64's install.md.
    """

    text: str
    default: str = ""
    way: Way = Way.ANY
    choices: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Line:
    """A line of a response file that can answer something.

    Args:
        key: the question, or the part of it, as written.
        answer: never empty.
    """

    key: str
    answer: str

    def fits(self, question: str) -> bool:
        """Return whether the line answers a question.

        Args:
            question: all of its text.
        """
        asked, key = question.translate(_LOWER), self.key.translate(_LOWER)
        pattern = rf"(?:.*[{_BLANKS}])?{re.escape(key)}(?:[{_BLANKS}?].*)?"
        return re.fullmatch(pattern, asked, re.DOTALL) is not None


def parse(line: str) -> Line | None:
    """Return what a line says, or nothing when the installer passes it over.

    Args:
        line: without its newline.
    """
    stripped = line.strip(_BLANKS)
    if not _USABLE.match(stripped):
        return None
    key, _, answer = stripped.partition("=")
    return Line(key.rstrip(_BLANKS), answer.lstrip(_BLANKS))


class Responses:
    """A response file while it is used up.

    Args:
        text: the file.
    """

    def __init__(self, text: str) -> None:
        ended = text.split("\n")[:-1]
        self._lines = [line for line in map(parse, ended) if line is not None]

    @property
    def unused(self) -> tuple[Line, ...]:
        """The lines that answered nothing yet."""
        return tuple(self._lines)

    def find(self, question: str, default: str = "") -> str:
        """Return the answer to a question, and use its line up.

        Args:
            question: all of its text.
            default: returned when no line fits.

        Raises:
            InstallerEndsError: no line fits, and there is no default.
        """
        for place, line in enumerate(self._lines):
            if line.fits(question):
                del self._lines[place]
                return line.answer
        if default:
            return default
        raise InstallerEndsError("no answer, and no default", where=question)

    def respond(self, question: Question) -> str:
        """Return what a question's function makes of its answer: ``y`` or ``n`` for yes or no, else the answer.

        Args:
            question: put by the installer.

        Raises:
            InstallerEndsError: there is no answer, or one that is not allowed.
        """
        if question.way is Way.YES_OR_NO:
            answer = self.find(question.text, question.default or "no")
            word = answer.translate(_LOWER)
            if word not in {"y", "yes", "n", "no"}:
                raise InstallerEndsError(f"{answer!r} is neither yes nor no", where=question.text)
            return word[0]
        if question.way is Way.ONE_OF:
            answer = self.find(question.text, question.default or next(iter(question.choices), "done"))
            if answer not in {*question.choices, "done"}:
                raise InstallerEndsError(f"{answer!r} is not a choice", where=question.text)
            return answer
        return self.find(question.text, "" if question.way is Way.PASSWORD else question.default)


def play(
    session: Generator[Question, str, Outcome], responses: Responses
) -> tuple[list[tuple[Question, str]], Outcome]:
    """Answer everything that an installation asks.

    Args:
        session: yields questions, is sent the answers (``installer_dialogue.installation``).
        responses: used up on the way.

    Returns:
        Each question with its answer, in order, and what the session came to.

    Raises:
        InstallerEndsError: the installer would end.
    """
    answered: list[tuple[Question, str]] = []
    try:
        question = next(session)
        while True:
            answer = responses.respond(question)
            answered.append((question, answer))
            question = session.send(answer)
    except StopIteration as end:
        return answered, end.value
