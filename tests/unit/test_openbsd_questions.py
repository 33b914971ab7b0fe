"""The installer's rules for finding an answer in a response file."""

from __future__ import annotations

import pytest
from installer_responses import InstallerEndsError, Line, Question, Responses, Way, parse


@pytest.mark.parametrize(
    ("line", "key", "answer"),
    [
        ("System hostname = lb", "System hostname", "lb"),
        ("System hostname=lb", "System hostname", "lb"),
        (" \t System hostname \t=\t lb \t ", "System hostname", "lb"),
        ("key = a = b=c", "key", "a = b=c"),
        ("key == value", "key", "= value"),
        ("Public ssh key = ssh-ed25519 AAAA== me", "Public ssh key", "ssh-ed25519 AAAA== me"),
        ("key = # no comment", "key", "# no comment"),
        ("key = \\n", "key", "\\n"),
        ("key = yes\r", "key", "yes\r"),
    ],
)
def test_the_leftmost_equals_sign_parts_question_and_answer(line: str, key: str, answer: str) -> None:
    assert parse(line) == Line(key, answer)


@pytest.mark.parametrize(
    "line", ["", "   ", "# System hostname = lb", "  # a = b", "no separator", "= lb", "System hostname =", "key = \t "]
)
def test_lines_without_a_meaning_are_skipped(line: str) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    "key",
    [
        "System hostname",
        "system HOSTNAME",
        "hostname",
        "System",
        "System hostname? (short form, e.g. 'foo')",
        "(short form,",
        "'foo')",
    ],
)
def test_a_part_of_the_question_is_enough(key: str) -> None:
    assert Line(key, "x").fits("System hostname? (short form, e.g. 'foo')")


@pytest.mark.parametrize(
    "key",
    [
        "System host",  # ends inside a word
        "ystem hostname",  # begins inside a word
        "System  hostname",  # blanks inside count
        "System hostname?x",
        "System hostnames",
        "System.hostname",  # no pattern
        "*",
        "S* hostname",
        "short form",  # a bracket is part of the word
        "(short form",  # and so is a comma
    ],
)
def test_part_of_a_word_is_not(key: str) -> None:
    assert not Line(key, "x").fits("System hostname? (short form, e.g. 'foo')")


def test_a_key_may_fit_behind_a_place_where_it_does_not() -> None:
    assert Line("set", "x").fits("reset the set?")


def test_only_ascii_is_lowered() -> None:
    assert not Line("K", "x").fits("\N{KELVIN SIGN}?")


def test_the_first_line_that_fits_answers_and_is_used_up() -> None:
    responses = Responses("interface = vio0\nSystem = lb\ninterface = vio1\n")
    question = "Network interface to configure? (name, lladdr, '?', or 'done')"
    assert [responses.find(question, "done") for _ in range(3)] == ["vio0", "vio1", "done"]
    assert responses.unused == (Line("System", "lb"),)


def test_a_short_key_steals_another_question_s_answer() -> None:
    responses = Responses("IPv6 address = none\naddress for vio0 = 192.0.2.1\nIPv4 address = autoconf\n")
    assert responses.find("IPv4 address for vio0? (or 'autoconf' or 'none')") == "192.0.2.1"


def test_without_answer_and_default_the_installer_ends() -> None:
    with pytest.raises(InstallerEndsError, match="Password for root account"):
        Responses("Password for root acount = x\n").respond(Question("Password for root account?", way=Way.PASSWORD))


def test_a_password_has_no_default() -> None:
    with pytest.raises(InstallerEndsError):
        Responses("").respond(Question("Password?", "secret", Way.PASSWORD))


def test_a_last_line_without_newline_is_never_seen() -> None:
    assert Responses("a = 1\nb = 2").find("b?", "default") == "default"


@pytest.mark.parametrize(("answer", "word"), [("yes", "y"), ("Y", "y"), ("YeS", "y"), ("no", "n"), ("N", "n")])
def test_yes_and_no_in_any_case(answer: str, word: str) -> None:
    assert Responses(f"Start sshd = {answer}\n").respond(Question("Start sshd?", "no", Way.YES_OR_NO)) == word


@pytest.mark.parametrize("answer", ["true", "1", "yes please", "yes\r"])
def test_anything_else_ends_the_installer(answer: str) -> None:
    with pytest.raises(InstallerEndsError, match="neither yes nor no"):
        Responses(f"Start sshd = {answer}\n").respond(Question("Start sshd?", "yes", Way.YES_OR_NO))


def test_yes_or_no_is_no_by_default() -> None:
    assert Responses("").respond(Question("Continue anyway?", way=Way.YES_OR_NO)) == "n"


def test_a_choice_is_one_of_the_list_or_done() -> None:
    question = Question("Which speed should com0 use?", "9600", Way.ONE_OF, ("9600", "115200"))
    assert Responses("").respond(question) == "9600"
    assert Responses("speed = 115200\n").respond(question) == "115200"
    assert Responses("speed = done\n").respond(question) == "done"
    with pytest.raises(InstallerEndsError, match="not a choice"):
        Responses("speed = 9600 115200\n").respond(question)
