"""Each exit status means one thing, in every command."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
import typer
from test_health import TOPOLOGY

import testbed.cli.load as load_command
import testbed.cli.verify_copies as copies_command
from testbed.cli.exit_status import ExitStatus, of_program, worst
from testbed.cli.group import CommandInterrupted
from testbed.cluster import copy_verification, project
from testbed.designs.copy_comparison import CopyComparison
from testbed.errors import TestbedError, UsageError

# By its name: the package has the function of the same name.
program = importlib.import_module("testbed.cli.main")
TESTBED = Path(sys.executable).with_name("testbed")
DOCS = Path(__file__).parents[2] / "docs/commands.md"


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UsageError("no such thing", fix="do this"), 2, "testbed: no such thing; do this"),
        (TestbedError("a node did not boot"), 4, "testbed: a node did not boot"),
        (OSError(28, "No space left on device"), 4, "the system refused: [Errno 28] No space left on device"),
        (ZeroDivisionError("division by zero"), 4, "this is a bug in testbed: ZeroDivisionError: division by zero"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (CommandInterrupted(), 130, "interrupted"),
    ],
)
def test_each_failure_has_its_status_and_one_line(
    error: BaseException, status: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(program, "app", refuse)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as end:
        program.main()
    assert end.value.code == status
    assert line in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize("ignored", [True, False])
def test_a_signal_that_nohup_ignores_stays_ignored(tmp_path: Path, ignored: bool) -> None:
    script = (
        f"import signal, sys\nsignal.signal(signal.SIGHUP, signal.SIG_IGN if {ignored} else signal.SIG_DFL)\n"
        "from testbed.cli import schema\n"
        "def show(): print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN); sys.exit()\n"
        "schema.SCHEMAS['cluster'] = show\nfrom testbed.cli import main\nmain()"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, "schema", "cluster"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.stdout.split() == [str(ignored)]


def test_ctrl_c_is_reported_in_a_line(tmp_path: Path) -> None:
    script = (
        "import os, signal\nfrom testbed.cli import schema\n"
        "schema.SCHEMAS['cluster'] = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "from testbed.cli import main\nmain()"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, "schema"], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
    )
    assert result.returncode == 130
    assert "testbed: interrupted" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_interrupt_in_a_finalizer_prints_no_traceback(tmp_path: Path) -> None:
    script = (
        "import os, signal, weakref\nfrom testbed.cli import schema\n"
        "class Pool: pass\n"
        "def show():\n    pool = Pool()\n"
        "    weakref.finalize(pool, os.kill, os.getpid(), signal.SIGTERM)\n    del pool\n"
        "schema.SCHEMAS['cluster'] = show\nfrom testbed.cli import main\nmain()"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, "schema", "cluster"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "Traceback" not in result.stderr


def test_a_reader_that_goes_away_ends_the_program_without_a_traceback() -> None:
    with subprocess.Popen([TESTBED, "schema", "journal"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 130


def test_the_worst_of_several_runs_counts() -> None:
    assert worst([0, 3, 1, 4]) == 4
    assert worst([0, 3, 1]) == 1
    assert worst([0, 3]) == 3
    assert worst([]) == 0


def test_a_program_that_a_signal_ended_has_the_shell_s_status() -> None:
    assert [of_program(each) for each in (0, 7, -9, -15)] == [0, 7, 137, 143]


@pytest.mark.parametrize(("locust", "status"), [(0, 0), (1, 1), (2, 4), (137, 4), (-9, 4)])
def test_a_load_fails_by_its_requests_or_because_locust_did(locust: int, status: int) -> None:
    assert load_command._exit_status(locust) == status


@pytest.mark.parametrize(
    ("found", "repair", "status"),
    [
        (CopyComparison(0), False, 0),
        (CopyComparison(8), False, 1),
        (CopyComparison(8, 8), True, 0),
        (TestbedError("db1 was restarted"), False, 3),
        (TestbedError("db1 was restarted"), True, 4),
        (UsageError("DRBD is not connected"), False, 2),
    ],
)
def test_copies(
    found: CopyComparison | TestbedError, repair: bool, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def verify(*_: object, **__: object) -> CopyComparison:
        if isinstance(found, TestbedError):
            raise found
        return found

    class Standing:
        topology = TOPOLOGY

        def __init__(self, *_: object) -> None:
            self.databases = [type("Node", (), {"node": name}) for name in ("db1", "db2")]

        def state(self) -> Standing:
            return self

    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    monkeypatch.setattr(project, "exists", lambda _: True)
    monkeypatch.setattr(copies_command, "Cluster", Standing)
    monkeypatch.setattr(copy_verification, "primary", lambda _: "db1")
    monkeypatch.setattr(copy_verification, "verify", verify)
    try:
        copies_command.verify_copies(repair)
        ended = 0
    except typer.Exit as end:
        ended = end.exit_code
    except TestbedError as error:
        ended = error.exit_status
    assert ended == status


def test_the_documentation_has_each_status() -> None:
    text = DOCS.read_text()
    for status in ExitStatus:
        assert f"\n| {status.value} | {status.name.lower().replace('_', ' ')} |" in text
