"""The line of a program's output that a message quotes."""

from __future__ import annotations

from testbed.output_line import first_line, last_line

DRBDADM = """0: Failure: (102) Local address(port) already in use.
Command 'drbdsetup-84 connect' terminated with exit code 10
"""


def test_the_last_line_with_text_is_quoted() -> None:
    assert last_line("one\ntwo\n\n") == "two"


def test_an_error_goes_before_the_lines_after_it() -> None:
    assert last_line("Reading...\nE: Unable to locate package x\nDone\n\n") == "E: Unable to locate package x"
    assert last_line(DRBDADM) == "0: Failure: (102) Local address(port) already in use."


def test_the_first_output_with_text_counts() -> None:
    assert last_line("\n", b"from the other stream") == "from the other stream"


def test_an_empty_output_is_named() -> None:
    assert last_line("") == first_line(" \n") == "it wrote nothing"
    assert last_line("", otherwise="status 3") == "status 3"


def test_the_first_line_with_text_is_quoted() -> None:
    assert first_line("\nError: unknown qdisc\nusage: tc\n") == "Error: unknown qdisc"
