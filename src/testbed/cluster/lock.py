"""One cluster, one writer: the lock that every command takes before it changes the cluster.

A cluster has two locks, each a file in its state folder:

- ``cluster.lock``: to change the cluster (``testbed up``, ``fault``, ``heal``, ``roll`` ...),
- ``load.lock``: to run programs that send load or probe (``testbed load``).

A run needs both, because a second load or a fault by hand falsifies what it measures. ``testbed load`` takes the second
alone, so that a person can break and heal the cluster in another terminal while the load goes on.

The locks are flock(2) locks: the kernel releases them when the process ends, also by ``kill -9``. The file names the
holder for the message that others get. A process that the holder starts (a test that calls ``testbed heal``) may work
under the holder's lock. It proves that by a token in its environment that must equal the token in the file, and it
takes a lock of the next depth (``cluster.lock.1``), so that two such processes exclude each other and a process that
outlives the holder still excludes others. A token that is out of date matches no file and allows nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import Enum
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from testbed.cluster import node_folders
from testbed.errors import UsageError
from testbed.settings import Settings
from testbed.wait import elapse

# The tokens of the locks that this process may work under, separated by spaces.
VARIABLE = "TESTBED_LOCK_TOKENS"
# Processes started by processes started by the holder ...: pytest, its inner pytest, a command, and room for more.
DEPTHS = 8
POLL_SECONDS = 0.25
# A holder writes its name right after it got the lock; until then the file names no holder, or the last one.
NAMED_SECONDS = 1.0


class Use(Enum):
    """What a process is going to do with the cluster; the value names the locks that this needs."""

    CHANGE = ("cluster",)
    LOAD = ("load",)
    EXCLUSIVE = ("cluster", "load")


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        command: its command line.
        pid: its process id.
        since: local time at which it took the lock.
        token: what a process shows that works under this lock.
    """

    command: str
    pid: int
    since: str
    token: str

    def __str__(self) -> str:
        return f"`{self.command}` (process {self.pid}, since {self.since})"

    @property
    def alive(self) -> bool:
        """Whether a process of that id exists."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


class InUseError(UsageError):
    """Another process holds the cluster; nothing has been changed."""

    def __init__(self, holder: Holder | None) -> None:
        self.holder = holder
        if holder is None:
            super().__init__("the cluster is in use by an unknown process", fix="try again in a moment")
        else:
            super().__init__(
                f"the cluster is in use: {holder} holds it",
                fix=f"wait for its end, or run `kill {holder.pid}` and then `testbed heal`",
            )


@contextmanager
def hold(
    settings: Settings,
    use: Use,
    *,
    command: str = "",
    patience: float = 0.0,
    waiting: Callable[[InUseError], None] | None = None,
) -> Iterator[None]:
    """Hold the cluster; a process that holds it already may do so again.

    Args:
        settings: whose cluster it is.
        use: what for.
        command: shown to others; by default this process's command line.
        patience: seconds to wait while another process holds it.
        waiting: called once, with who holds it, before the wait.

    Raises:
        InUseError: another process holds it.
        UsageError: the state folder, or a lock's file, belongs to another user.
    """
    _make(settings.state_dir)
    node_folders.must_be_writable(settings.state_dir)
    held = _take_patiently(settings.state_dir, use, command or _command_line(), patience, waiting)
    try:
        yield
    finally:
        for lock in reversed(held):
            lock.release()


def holders(settings: Settings) -> list[Holder]:
    """Name the processes that hold the cluster, each once: who took it, and who works under that lock.

    Args:
        settings: whose cluster it is.
    """
    found: dict[int, Holder] = {}
    for path in sorted(each for name in Use.EXCLUSIVE.value for each in settings.state_dir.glob(f"{name}.lock*")):
        with suppress(PermissionError), _File(path, reads=True) as file:
            # Locked only to know a holder that was killed: a command that begins at this moment would be refused.
            if (holder := file.read()) and not file.lock():
                found[holder.pid] = holder
    return list(found.values())


def _make(folder: Path) -> None:
    """Make the state folder.

    Raises:
        UsageError: this user may not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        raise UsageError(
            "this user may not make the state folder", where=str(folder),
            fix="run testbed as the user whose checkout this is, or set TESTBED_STATE to another folder",
        ) from None  # fmt: skip


class _File:
    """A lock's file, open.

    Args:
        path: the file; it is made if it is missing, and then belongs to the state folder's user, also under sudo.
        reads: only to look up the holder; any user may.

    Raises:
        PermissionError: it cannot be read.
        UsageError: it cannot be written.
    """

    def __init__(self, path: Path, *, reads: bool = False) -> None:
        self._kind = fcntl.LOCK_SH if reads else fcntl.LOCK_EX
        # Unbuffered: a buffer that a full disk did not take raises once more when the file is closed.
        if reads:
            self._file = FileIO(os.open(path, os.O_RDONLY), "r")
            return
        try:
            self._file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+")
        except PermissionError:
            raise UsageError(
                f"the lock's file belongs to {node_folders.owner(path)}, and this user may not write to it",
                where=str(path),
                fix=f"run `sudo chown --reference={shlex.quote(str(path.parent))} {shlex.quote(str(path))}`",
            ) from None  # fmt: skip
        if os.geteuid() == 0:
            of = path.parent.stat()
            with suppress(OSError):  # a filesystem that knows no owners
                os.fchown(self._file.fileno(), of.st_uid, of.st_gid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock."""
        self._file.close()

    def lock(self) -> bool:
        """Try to get the lock; returns whether it is ours. Who only looks shares it with others who do."""
        try:
            fcntl.flock(self._file, self._kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def read(self) -> Holder | None:
        """The holder that is written down."""
        self._file.seek(0)
        try:
            return Holder(**json.loads(self._file.readall()))
        except (ValueError, TypeError):
            return None

    def write(self, holder: Holder | None) -> None:
        """Record the holder, or none; on a full disk the file names none, and the lock holds all the same.

        None is one byte, so that most filesystems keep the block for the next holder's name.
        """
        text = json.dumps(asdict(holder)).encode() if holder else b"\n"
        try:
            length = os.pwrite(self._file.fileno(), text, 0)
        except OSError:
            length = 0
        with suppress(OSError):
            self._file.truncate(length)


class _Lock:
    """One of the locks, held by this process."""

    def __init__(self, path: Path, file: _File, holder: Holder) -> None:
        self._path = path
        self._file = file
        self._token = holder.token
        self._times = 1
        _held[path] = self
        os.environ[VARIABLE] = " ".join([*_tokens(), self._token])

    @classmethod
    def take(cls, path: Path, command: str) -> _Lock:
        """Take a lock, or hold it once more.

        Raises:
            InUseError: another process has it.
        """
        if lock := _held.get(path):
            return lock.again()
        holder = Holder(command, os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"), secrets.token_hex(16))
        return cls(path, _locked(path, holder), holder)

    def again(self) -> Self:
        """Hold it once more."""
        self._times += 1
        return self

    def release(self) -> None:
        """Let go of it once; the last time releases it."""
        self._times -= 1
        if self._times:
            return
        del _held[self._path]
        os.environ[VARIABLE] = " ".join(token for token in _tokens() if token != self._token)
        with self._file as file:
            file.write(None)


# The locks of this process, by the file of the first depth.
_held: dict[Path, _Lock] = {}


def _locked(path: Path, holder: Holder) -> _File:
    """The file of the first depth that this process may lock, locked, with the holder in it.

    Raises:
        InUseError: the lock belongs to a process whose token this one does not have.
    """
    paths = [path, *(path.with_name(f"{path.name}.{depth}") for depth in range(1, DEPTHS))]
    with ExitStack() as opened:
        above: list[_File] = []
        for depth, each in enumerate(paths):
            file = opened.enter_context(_File(each))
            if file.lock():
                # Named first and looked around then: who comes between sees the name, or is seen.
                file.write(holder)
                try:
                    _must_be_passed_on(above)
                    _must_be_over(paths[depth + 1 :])
                except InUseError:
                    file.write(None)
                    raise
                for other in above:
                    other.close()
                opened.pop_all()
                return file
            _must_be_passed_on([file])
            above.append(file)
        raise InUseError(above[-1].read())


def _must_be_passed_on(above: list[_File]) -> None:
    """Refuse unless the holder of each of these locks started this process, or a process that started it."""
    for file in above:
        if (holder := file.read()) is None or holder.token not in _tokens():
            raise InUseError(holder)


def _must_be_over(below: list[Path]) -> None:
    """Refuse while a process works that an earlier holder of the lock started: it outlived that holder."""
    for path in below:
        if path.exists():
            with _File(path) as file:
                if not file.lock():
                    raise InUseError(file.read())


def _take_patiently(
    folder: Path, use: Use, command: str, patience: float, waiting: Callable[[InUseError], None] | None
) -> list[_Lock]:
    begun, reported = time.monotonic(), False
    while True:
        try:
            return _take(folder, use, command)
        except InUseError as refusal:
            passed = time.monotonic() - begun
            named = refusal.holder is not None and refusal.holder.alive
            if passed >= patience and (named or passed >= NAMED_SECONDS):
                raise
            if named and waiting and not reported:
                reported = True
                waiting(refusal)
        elapse(POLL_SECONDS)


def _take(folder: Path, use: Use, command: str) -> list[_Lock]:
    """Take all locks that a use needs, or none."""
    with ExitStack() as undo:
        taken = []
        for name in use.value:
            lock = _Lock.take(folder / f"{name}.lock", command)
            undo.callback(lock.release)
            taken.append(lock)
        undo.pop_all()
        return taken


def _tokens() -> list[str]:
    return os.environ.get(VARIABLE, "").split()


def _command_line() -> str:
    """What was typed, in one line of bounded length."""
    program = Path(sys.argv[0] or "python")
    name = program.parent.name if program.name == "__main__.py" else program.name
    text = " ".join(shlex.join([name, *sys.argv[1:]]).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
