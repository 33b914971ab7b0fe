"""The program as a whole: its help, what it imports, its options and how it ends."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.exceptions import TyperException

from testbed.cli import complete
from testbed.cli import main as program
from testbed.cli.main import load_all
from testbed.cli.table import CLUSTER, COMMANDS, DEVELOPMENT, EXPERIMENTS, OPERATIONS, RESULTS
from testbed.errors import TestbedError

TESTBED = Path(sys.executable).with_name("testbed")
# What commands need, and `--help` does not: together they take a second.
HEAVY = (
    "cryptography", "docker", "jinja2", "numpy", "pandas", "plotly", "psycopg", "pydantic", "qemu", "requests",
    "ruamel", "scipy", "urllib3", "testbed.cluster", "testbed.faults", "testbed.topology",
)  # fmt: skip


def leaves(command: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its name."""
    children = getattr(command, "commands", None)
    if not children or getattr(command, "invoke_without_command", False):
        yield path.strip(), command
    for name, child in (children or {}).items():
        yield from leaves(child, f"{path} {name}")


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    """Every command of the program, imported."""
    return dict(leaves(load_all()))


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TESTBED, *arguments], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "COLUMNS": "200", **environment},
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_help_imports_nothing_that_only_commands_need(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom testbed.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('IMPORTED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    assert "IMPORTED []" in result.stdout, result.stdout + result.stderr


def test_the_table_has_each_command_once_with_its_own_summary() -> None:
    group = load_all()
    assert list(group.commands) == [entry.name for entry in COMMANDS]
    for entry in COMMANDS:
        command: Any = group.commands[entry.name]
        first, *_ = inspect.cleandoc(command.help).split("\n\n")
        assert first == entry.summary
        assert command.rich_help_panel == entry.panel


def test_each_module_of_a_command_is_in_the_table() -> None:
    folder = Path(inspect.getfile(program)).parent
    commands = {
        path.stem for path in folder.glob("*.py") if re.search(r"^app = new_app\(", path.read_text(), re.MULTILINE)
    }
    assert commands <= {module for entry in COMMANDS for module in entry.modules}


def test_help_lists_panels_and_commands_in_order() -> None:
    output = run("-h").stdout
    panels = [CLUSTER, EXPERIMENTS, RESULTS, OPERATIONS, DEVELOPMENT]
    assert [each for each in re.findall(r"^╭─ (\w+)", output, re.MULTILINE) if each in panels] == panels
    named = re.findall(r"^│ ([a-z-]+) ", output, re.MULTILINE)
    assert [name for name in named if name in {entry.name for entry in COMMANDS}] == [entry.name for entry in COMMANDS]


def test_each_command_has_a_help_with_an_example_of_itself(commands: dict[str, Any]) -> None:
    for name, command in commands.items():
        assert command.help, name
        assert f"$ testbed {name}" in (command.epilog or ""), name


def parse(program: Any, arguments: list[str]) -> None:  # noqa: ANN401 - Click's types are private to Typer
    """Parse a command line as the program does, and run nothing."""
    context = program.make_context(program.name, arguments)
    while hasattr(context.command, "commands"):
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        name, command, rest = context.command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


def test_each_example_is_a_right_command_line(commands: dict[str, Any]) -> None:
    program = load_all()
    for command in [program, *commands.values()]:
        lines = re.findall(r"\$ testbed (.*)", command.epilog.replace(r"\[", "["))
        assert lines
        for line in lines:
            parse(program, shlex.split(line.partition(" | ")[0].removesuffix(" --help")))
    with pytest.raises(TyperException, match="--nonsense"):
        parse(program, ["up", "--nonsense"])


def test_the_version_is_the_package_s() -> None:
    assert re.fullmatch(r"testbed \d+\.\d+\.\d+\n", run("--version").stdout)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["upp"], r"testbed: No such command 'upp'\. Did you mean 'up', 'app'\?; see `testbed --help`"),
        (["--nonsense"], r"testbed: No such option: --nonsense; see `testbed --help`"),
        (["up", "--nonsense"], r"testbed: No such option: --nonsense; see `testbed up --help`"),
        (["pool", "weight", "webmail"], r"testbed: Missing argument 'node'; see `testbed pool weight --help`"),
        (["bench", "nonsense"], r"testbed: No such command 'nonsense'; see `testbed bench --help`"),
    ],
)
def test_a_usage_error_is_one_line_that_names_the_help(arguments: list[str], line: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert re.fullmatch(f"{line}\n", result.stderr)
    assert not result.stdout


@pytest.mark.parametrize("arguments", [[], ["pool"]])
def test_without_a_command_the_help_is_printed(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert "Usage: testbed" in result.stdout
    assert not result.stderr


def test_no_colour_is_printed_where_none_is_wanted() -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7]")
    assert colour.search(run("--help", FORCE_COLOR="1").stdout)
    assert not colour.search(run("--help", FORCE_COLOR="1", NO_COLOR="1").stdout)
    assert colour.search(run("nonsense", FORCE_COLOR="1").stderr)
    assert not colour.search(run("nonsense", FORCE_COLOR="1", NO_COLOR="1").stderr)


def test_quiet_leaves_results_and_errors(tmp_path: Path) -> None:
    state = {"TESTBED_STATE": str(tmp_path)}
    assert "no runs in" in run("runs", **state).stderr
    for arguments in (["-q", "runs"], ["runs", "--quiet"]):
        result = run(*arguments, **state)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert run("-q", "runs", "--json", **state).stdout == "[]\n"
    assert "no such run" in run("-q", "report", "nowhere", **state).stderr.replace("no run", "no such run")


def test_verbose_prints_the_programs_and_the_traceback(tmp_path: Path) -> None:
    environment = {"TESTBED_STATE": str(tmp_path), "PATH": str(tmp_path)}
    for arguments in (["-v", "validate", "clock-jump"], ["validate", "clock-jump", "--verbose"]):
        assert re.search(
            r"^\+ docker compose -f \S+cluster\.yaml config$", run(*arguments, **environment).stderr, re.MULTILINE
        )
    assert "+ docker" not in run("validate", "clock-jump", **environment).stderr
    broken = {"TESTBED_STATE": str(tmp_path), "DOCKER_HOST": "unix:///nonexistent"}
    assert "Traceback" in run("-v", "exec", "db1", "true", **broken).stderr
    assert "Traceback" not in run("exec", "db1", "true", **broken).stderr


def test_the_documentation_has_every_command_in_its_panel() -> None:
    text = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    for panel in (CLUSTER, EXPERIMENTS, RESULTS, OPERATIONS, DEVELOPMENT):
        names = " ".join(f"`{entry.name}`" for entry in COMMANDS if entry.panel == panel)
        assert f"\n| {panel} | {names} |\n" in text


def test_a_shell_completes_commands_and_options() -> None:
    assert (
        "_TESTBED_COMPLETE=complete_bash"
        in run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").stdout
    )

    def completed(line: str) -> list[str]:
        completion = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        return run(_TESTBED_COMPLETE="complete_bash", **completion).stdout.split()

    assert completed("testbed ver") == ["verify-copies", "verify"]
    assert "--scale" in completed("testbed up --s")
    assert completed("testbed pool dr") == ["drain"]
    assert completed("testbed run paper") == ["paper-2006"]
    assert completed("testbed fault power") == ["power-loss"]


def test_names_are_proposed_where_they_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    for name in ("20261124-120000-a", "20261125-120000-b"):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").touch()
    assert complete.runs("2026") == ["20261125-120000-b", "20261124-120000-a"]
    assert complete.runs("20261124") == ["20261124-120000-a"]
    assert "freeze" in complete.faults("")

    def refuse() -> None:
        raise TestbedError("the engine is gone")

    monkeypatch.setattr("testbed.cluster.Cluster", refuse)
    assert complete.nodes("") == []
