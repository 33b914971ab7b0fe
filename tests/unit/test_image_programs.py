"""Linters over the programs of the nodes: shellcheck, perl -c and ruff, each on every file of its language."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SHELLS = ("sh", "bash", "ksh")
# The app nodes run PHP that this machine does not have: `php -l` reads it in tests/images.
ELSEWHERE = ("php",)


def language(path: Path) -> str:
    """The language of a program by its first line, or of a shell library by shellcheck's directive; else empty."""
    head = path.read_bytes()[:400].decode(errors="replace")
    first = head.partition("\n")[0]
    if not first.startswith("#!"):
        return "sh" if "# shellcheck shell=" in head else ""
    names = [word.rpartition("/")[2] for word in first.removeprefix("#!").split()]
    name = names[1] if names[0] in ("env", "busybox") else names[0]
    return "python" if name.startswith("python") else name


def programs(*languages: str, folder: Path = ROOT / "images") -> list[Path]:
    """Every program below a folder, or every one that is written in one of the languages."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "build" not in path.parts)
    found = [path for path in files if language(path)]
    return [path for path in found if not languages or language(path) in languages]


def shellcheck(*files: Path) -> str:
    """What shellcheck complains of."""
    command = [str(BIN / "shellcheck"), "--format", "gcc", "--rcfile", str(ROOT / ".shellcheckrc"), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stdout


def perl(file: Path) -> str:
    """What perl complains of when it only compiles a program, with warnings."""
    result = subprocess.run(["perl", "-wc", file], capture_output=True, text=True, check=False)
    return "" if result.stderr.strip() == f"{file} syntax OK" else result.stderr


def ruff(*files: Path) -> str:
    """What ruff complains of."""
    command = [str(BIN / "ruff"), "check", "--output-format", "concise", "--quiet", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stdout


def test_shellcheck_finds_nothing() -> None:
    files = programs(*SHELLS)
    assert len(files) > 80
    assert shellcheck(*files) == ""


def test_shellcheck_finds_nothing_in_the_tests_and_ci() -> None:
    assert shellcheck(*programs(*SHELLS, folder=ROOT / "tests"), *programs(*SHELLS, folder=ROOT / ".ci")) == ""


@pytest.mark.parametrize("file", programs("perl"), ids=lambda file: file.name)
def test_perl_compiles_it_without_a_warning(file: Path) -> None:
    assert perl(file) == ""


def test_ruff_finds_nothing_in_programs_without_a_suffix() -> None:
    """`make check` runs ruff over the folder, which finds files that end in .py alone."""
    assert ruff(*(path for path in programs("python") if path.suffix != ".py")) == ""


def test_every_program_has_a_linter() -> None:
    linted = {*SHELLS, "perl", "python", *ELSEWHERE}
    assert {path.name: language(path) for path in programs() if language(path) not in linted} == {}


@pytest.mark.parametrize(
    ("lint", "name", "text"),
    [
        (shellcheck, "broken", "#!/bin/sh\nif true; then\n"),
        (shellcheck, "careless", "#!/bin/sh\nrm -r $1/*\n"),
        (perl, "broken.pl", "#!/usr/bin/perl\nuse strict;\nprint $undeclared;\n"),
        (perl, "careless.pl", "#!/usr/bin/perl\nmy $x; my $x = 1; print $x;\n"),
        (ruff, "careless.py", "import os\n"),
    ],
)  # fmt: skip
def test_the_linters_find_what_is_wrong(lint: object, name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert callable(lint)
    assert lint(file)
