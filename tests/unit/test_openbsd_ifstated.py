"""ifstated.conf: its grammar, the state machine, and the shell commands it runs, with a server that comes and goes."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from openbsd_grammar import ifstated
from openbsd_grammar.ifstated import Running
from openbsd_grammar.words import Refused

from testbed.openbsd.node.ifstated import ifstated_conf

TEXT = ifstated_conf()
MACHINE = ifstated.parse(TEXT)
SOME, EVERY = (next(iter(MACHINE.states[name].tests)) for name in ("serving", "dead"))
DEMOTE, UNDO = "ifconfig -g carp carpdemote 1", "ifconfig -g carp -carpdemote 1"


def carp(running: Running) -> list[str]:
    return [command for command in running.commands if command.startswith("ifconfig")]


def test_demoted_once_when_apache_is_dead_and_restored_once() -> None:
    results = {SOME: True, EVERY: True}
    running = Running(MACHINE, results.__getitem__)
    assert running.commands == []  # whoever starts ifstated finds the demotion as it was
    results.update({SOME: False, EVERY: False})
    running.results_changed()
    assert (running.state, carp(running)) == ("dead", [DEMOTE])
    results[SOME] = True  # an answer now and then is not enough
    running.results_changed()
    assert (running.state, carp(running)) == ("dead", [DEMOTE])
    results[EVERY] = True
    running.results_changed()
    assert (running.state, carp(running)) == ("serving", [DEMOTE, UNDO])


def test_a_balancer_that_boots_without_apache_is_demoted() -> None:
    results = {SOME: False, EVERY: False}
    running = Running(MACHINE, results.__getitem__)
    running.results_changed()
    assert (running.state, carp(running)) == ("dead", [DEMOTE])


@pytest.mark.parametrize(
    ("answers", "some", "every"),
    [("111", True, True), ("011", True, False), ("001", True, False), ("110", True, False), ("000", False, False)],
)
def test_three_lost_in_a_row_are_dead_and_three_in_a_row_alive(
    tmp_path: Path, answers: str, some: bool, every: bool
) -> None:
    assert _told(tmp_path, SOME, answers) is some
    assert _told(tmp_path, EVERY, answers) is every


def _told(folder: Path, command: str, answers: str) -> bool:
    """Run a test's command as ifstated does, where a client gets these answers, one a try."""
    left = folder / "answers"
    left.write_text("\n".join(answers) + "\n")
    client = folder / "ftp"
    client.write_text(f'#!/bin/sh\nread answer <{left}\nsed -i 1d {left}\n[ "$answer" = 1 ]\n')
    client.chmod(0o755)
    command = command.replace("sleep 0.5", "sleep 0")
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run(["sh", "-c", command], env=environment, check=False).returncode == 0


def test_a_test_is_over_before_it_is_due_again() -> None:
    for name in ("serving", "dead"):
        ((command, every),) = MACHINE.states[name].tests.items()
        limit, pause = (float(re.findall(rf"{word} ([\d.]+)", command)[0]) for word in ("timeout", "sleep"))
        assert 3 * (limit + pause) < every


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("init-state serving", "init-state working"),
        ("set-state dead", "set-state died"),
        ("$answers\n", "$answer\n"),
        ("every 6'", "every soon'"),
        ("every 6'", "'"),
        ("if ! $answers", "if not $answers"),
        ("state dead {", "state dead"),
        ("state dead {", "state serving {"),
        ("init {", "init { }\n\trun {"),
        ('run "logger', "run logger"),
        ('carpdemote 1"', "carpdemote 1"),
        ("answers = '", "answers = "),
        ("answers = '", "every = '"),
        ("if $answers_steadily {", "if {"),
    ],
)  # fmt: skip
def test_what_ifstated_refuses_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(Refused):
        ifstated.parse(TEXT.replace(old, new, 1))


def test_macros_come_first() -> None:
    macros, _, rest = TEXT.partition("init-state")
    with pytest.raises(Refused, match="not defined"):
        ifstated.parse(f"init-state{rest}{macros}")
