"""One cluster, one writer: who is refused, who may come along, and what becomes of a holder that dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from holding import holder

from testbed.cluster.lock import VARIABLE, InUseError, Use, hold, holders
from testbed.errors import UsageError
from testbed.wait import wait_until

if TYPE_CHECKING:
    from testbed.settings import Settings

# A process that the holder starts.
CHILD = """
import sys
from pathlib import Path
from types import SimpleNamespace
from testbed.cluster.lock import Use, hold
with hold(SimpleNamespace(state_dir=Path(sys.argv[1])), Use.CHANGE, command="child"):
    print("child", flush=True)
    sys.stdin.read()
"""

# Writes to files fail in this process from now on, as they do on a full disk; its pipes work.
FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"


def of(folder: Path) -> Settings:
    return cast("Settings", SimpleNamespace(state_dir=folder))


def refusal(folder: Path, use: Use) -> str:
    """Why the cluster cannot be held."""
    with pytest.raises(InUseError) as refused, hold(of(folder), use):
        pass
    assert refused.value.exit_status == 2
    return str(refused.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Use.CHANGE, Use.CHANGE),
        (Use.LOAD, Use.LOAD),
        (Use.EXCLUSIVE, Use.CHANGE),
        (Use.EXCLUSIVE, Use.LOAD),
        (Use.EXCLUSIVE, Use.EXCLUSIVE),
        (Use.CHANGE, Use.EXCLUSIVE),
        (Use.LOAD, Use.EXCLUSIVE),
    ],
)
def test_a_second_process_is_refused_and_reads_who_holds_the_cluster(tmp_path: Path, first: Use, second: Use) -> None:
    with holder(tmp_path, first, "testbed run paper-2006") as process:
        text = refusal(tmp_path, second)
        assert f"`testbed run paper-2006` (process {process.pid}, since " in text
        assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)", text)
        assert f"`kill {process.pid}`" in text
        assert "\n" not in text
        assert [each.pid for each in holders(of(tmp_path))] == [process.pid]
    with hold(of(tmp_path), second):  # and a refusal leaves nothing behind
        pass
    assert holders(of(tmp_path)) == []


@pytest.mark.parametrize(("first", "second"), [(Use.LOAD, Use.CHANGE), (Use.CHANGE, Use.LOAD)])
def test_load_goes_on_while_a_person_breaks_and_heals(tmp_path: Path, first: Use, second: Use) -> None:
    with holder(tmp_path, first), hold(of(tmp_path), second):
        pass


def test_a_refused_run_does_not_keep_the_lock_it_got(tmp_path: Path) -> None:
    with holder(tmp_path, Use.LOAD, "testbed load"):
        assert "testbed load" in refusal(tmp_path, Use.EXCLUSIVE)
        with holder(tmp_path, Use.CHANGE):
            pass


def test_kill_9_of_the_holder_frees_the_cluster(tmp_path: Path) -> None:
    with holder(tmp_path, Use.EXCLUSIVE) as process:
        refusal(tmp_path, Use.CHANGE)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        with hold(of(tmp_path), Use.EXCLUSIVE):
            pass


@pytest.mark.parametrize("last", ["no holder", "one that let go", "one that was killed"])
def test_a_full_disk_keeps_no_command_from_its_lock(tmp_path: Path, last: str) -> None:
    if last != "no holder":
        with holder(tmp_path, Use.CHANGE, "testbed up") as process:
            assert process.stdin
            process.stdin.close() if last == "one that let go" else process.kill()
            process.wait(10)
    arguments = [sys.executable, "-c", FULL_DISK + CHILD, str(tmp_path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as full:
        assert full.stdout
        assert full.stdout.readline() == "child\n"
        assert "in use by an unknown process" in refusal(tmp_path, Use.CHANGE)
        full.communicate("", timeout=10)
    assert full.returncode == 0
    with hold(of(tmp_path), Use.CHANGE):
        assert [each.pid for each in holders(of(tmp_path))] == [os.getpid()]


def test_one_process_may_hold_it_again_and_keeps_it_until_the_end(tmp_path: Path) -> None:
    with hold(of(tmp_path), Use.EXCLUSIVE):
        with hold(of(tmp_path), Use.CHANGE), hold(of(tmp_path), Use.EXCLUSIVE):
            pass
        code = CHILD.replace("import sys", f"import os, sys; os.environ.pop({VARIABLE!r})", 1)
        other = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
        assert f"process {os.getpid()}" in other.stderr
    assert not os.environ[VARIABLE]


def test_a_process_that_the_holder_starts_works_under_its_lock(tmp_path: Path) -> None:
    with hold(of(tmp_path), Use.EXCLUSIVE):
        subprocess.run([sys.executable, "-c", CHILD, tmp_path], stdin=subprocess.DEVNULL, check=True)
    with holder(tmp_path, Use.CHANGE):
        pass


def test_two_processes_that_the_holder_starts_exclude_each_other(tmp_path: Path) -> None:
    with hold(of(tmp_path), Use.EXCLUSIVE):
        with holder(tmp_path, Use.EXCLUSIVE, "testbed run one") as first:
            second = subprocess.run(
                [sys.executable, "-c", CHILD, tmp_path], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                check=False,
            )  # fmt: skip
            assert f"`testbed run one` (process {first.pid}" in second.stderr
            assert {each.pid for each in holders(of(tmp_path))} == {os.getpid(), first.pid}
        subprocess.run([sys.executable, "-c", CHILD, tmp_path], stdin=subprocess.DEVNULL, check=True)


def test_a_token_that_is_out_of_date_allows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hold(of(tmp_path), Use.CHANGE):
        stale = os.environ[VARIABLE]
    assert stale
    monkeypatch.setenv(VARIABLE, stale)
    with holder(tmp_path, Use.CHANGE) as process:
        assert f"process {process.pid}" in refusal(tmp_path, Use.CHANGE)
    with hold(of(tmp_path), Use.CHANGE):  # the lock is free, so this process gets it and others are refused
        monkeypatch.delenv(VARIABLE)
        code = subprocess.run([sys.executable, "-c", CHILD, tmp_path], capture_output=True, text=True, check=False)
        assert f"process {os.getpid()}" in code.stderr


def test_what_outlives_the_holder_that_started_it_still_excludes_others(tmp_path: Path) -> None:
    with holder(tmp_path, Use.EXCLUSIVE, child=CHILD) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert "`child` (process " in refusal(tmp_path, Use.CHANGE)
        assert process.stdin
        process.stdin.close()  # ends the child
        wait_until(lambda: not _refused(tmp_path), 10, "the cluster to be free")


def test_who_is_patient_gets_it_when_the_holder_ends_and_reads_once_who_that_is(tmp_path: Path) -> None:
    refusals: list[str] = []
    with holder(tmp_path, Use.EXCLUSIVE, "testbed run x") as process:

        def end_it(refused: InUseError) -> None:
            refusals.append(str(refused))
            process.kill()

        with hold(of(tmp_path), Use.EXCLUSIVE, patience=30, waiting=end_it):
            pass
    assert len(refusals) == 1
    assert "testbed run x" in refusals[0]


def test_patience_has_an_end(tmp_path: Path) -> None:
    with (
        holder(tmp_path, Use.EXCLUSIVE) as process,
        pytest.raises(InUseError, match=f"process {process.pid}"),
        hold(of(tmp_path), Use.EXCLUSIVE, patience=0.5),
    ):
        pass


# --- other users -------------------------------------------------------------------------------------------------


def refuse(monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    """The kernel refuses to open the locks' files in one mode; root, who may run these tests, is refused nothing."""
    opens = os.open

    def refusing(path: str | Path, flags: int, *rest: int, **options: int) -> int:
        if ".lock" in str(path) and flags & (os.O_RDWR | os.O_WRONLY) == mode:
            raise PermissionError(13, "Permission denied", str(path))
        return opens(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refusing)


def test_another_users_state_folder_is_refused_by_each_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with (
        pytest.raises(UsageError, match=r"the state folder belongs to .*TESTBED_STATE"),
        hold(of(tmp_path), Use.CHANGE),
    ):
        pytest.fail("held")
    assert list(tmp_path.iterdir()) == []


def test_a_state_folder_that_this_user_may_not_make_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refusing)
    with (
        pytest.raises(UsageError, match="this user may not make the state folder"),
        hold(of(tmp_path / "state"), Use.LOAD),
    ):
        pytest.fail("held")


@pytest.mark.parametrize("nameless", [False, True])
def test_a_lock_that_root_made_names_its_owner_and_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, nameless: bool
) -> None:
    (tmp_path / "load.lock").touch()
    refuse(monkeypatch, os.O_RDWR)
    monkeypatch.setattr(Path, "owner", lambda _: {0: "root"}[int(nameless)])
    with pytest.raises(UsageError) as refused, hold(of(tmp_path), Use.LOAD):
        pass
    assert f"belongs to {f'user {os.getuid()}' if nameless else 'root'}, and this user" in str(refused.value)
    assert f"`sudo chown --reference={tmp_path} {tmp_path / 'load.lock'}`" in str(refused.value)


@pytest.mark.parametrize("use", [Use.CHANGE, Use.LOAD])
def test_a_lock_that_root_makes_belongs_to_the_state_folders_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Use
) -> None:
    given: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda file, *to: given.append((Path(f"/proc/self/fd/{file}").readlink(), *to)))
    with hold(of(tmp_path), use):
        pass
    folder = tmp_path.stat()
    assert (tmp_path / f"{use.value[0]}.lock", folder.st_uid, folder.st_gid) in given


def test_any_user_reads_who_holds_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with holder(tmp_path, Use.CHANGE) as process, monkeypatch.context() as patched:
        refuse(patched, os.O_RDWR)
        patched.setattr(Path, "open", None)  # which would open them to append
        assert [each.pid for each in holders(of(tmp_path))] == [process.pid]
        refuse(patched, os.O_RDONLY)
        assert holders(of(tmp_path)) == []


def _refused(folder: Path) -> bool:
    try:
        with hold(of(folder), Use.EXCLUSIVE):
            return False
    except InUseError:
        return True
