"""Run a program of the host and take its output, or raise one line that says why it failed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from testbed.errors import TestbedError
from testbed.output_line import last_line

# Debian's plain users have no sbin on their path; dockerd, ip and mmdebstrap's helpers lie there.
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def host_environment() -> dict[str, str]:
    """Return this process's environment, made fit for programs that must not ask and be read by a program."""
    return {**os.environ, "PATH": _PATH, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def run(
    argv: Sequence[str | Path],
    what: str,
    *,
    fix: str = "",
    log: Path | None = None,
    seconds: float | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a program and return what it wrote.

    Args:
        argv: the program and its arguments.
        what: what it is for, as the beginning of "... failed".
        fix: what the user can do when it fails.
        log: a file that keeps all output.
        seconds: time limit.
        cwd: the folder to run it in.

    Raises:
        TestbedError: it could not be started, failed, or took too long; with the last line it wrote.
    """
    where = " ".join(str(argument) for argument in argv[:2])
    try:
        done = subprocess.run(
            [str(argument) for argument in argv],
            env=host_environment(),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise TestbedError(f"{what} failed: {error.strerror}", where=where, fix=fix) from error
    except subprocess.TimeoutExpired as error:
        raise TestbedError(f"{what} took more than {seconds:g} s", where=where, fix=fix) from error
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout)
    if done.returncode != 0:
        place = f" (log: {log})" if log else ""
        raise TestbedError(f"{what} failed: {last_line(done.stdout)}{place}", where=where, fix=fix)
    return done.stdout
