"""A node's own programs, run here as they are: their paths lead into a folder, the commands they start are stand-ins.

Time passes when a program sleeps: the stand-in of sleep(1) adds to the uptime that the program reads.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

# What a program names by its absolute path, and the folder must hold instead. Other paths are the host's own.
PATHS = (
    "/usr/lib/testbed", "/run/testbed", "/run/failover", "/srv/database", "/var/lib/postgresql", "/var/log",
    "/lib/drbd", "/etc/testbed", "/sys/class/net", "/proc/uptime", "/proc/mounts", "/proc/drbd", "/proc/net/tcp",
    "/proc/fs/nfsd", "/proc/[0-9]*", "/usr/lib/postgresql", "/etc/patroni",
)  # fmt: skip
LIMIT_SECONDS = 30
SLEEP = """awk -v more="$1" '{ printf "%.2f %s\\n", $1 + more, $2 }' "$ROOT/proc/uptime" >"$ROOT/proc/uptime.new"
mv "$ROOT/proc/uptime.new" "$ROOT/proc/uptime"
exec /bin/sleep 0.01"""


class Node:
    """The folder in which a node's programs run.

    Args:
        root: an empty folder.
        programs: the folder of the programs, by the path that they have on the node.
    """

    def __init__(self, root: Path, **programs: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        for folder in (
            "bin",
            "proc/net",
            "run/testbed",
            "run/failover",
            "srv/database",
            "var/log",
            "lib/drbd",
            "etc/testbed",
        ):
            (root / folder).mkdir(parents=True)
        self.write("proc/uptime", "1000.00 0.00\n")
        for name in ("proc/mounts", "proc/drbd", "proc/net/tcp", "calls", "kmsg"):
            self.write(name, "")
        for path, source in programs.items():
            for file in source.iterdir():
                if file.is_file():
                    self._install(file, path.replace("_", "/"))
        self.command("sleep", SLEEP, recorded=False)

    def _install(self, file: Path, folder: str) -> None:
        text = file.read_text()
        text = re.sub(rf"(?<![\w.])({'|'.join(map(re.escape, PATHS))})(?=[/\s\"'$;:)]|$)", rf"{self.root}\1", text)
        for log in (">/dev/kmsg", ">/proc/1/fd/1"):
            text = text.replace(log, f">>{self.root}/kmsg")
        target = self.write(f"{folder}/{file.name}", text)
        target.chmod(0o755)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the node; returns its place on this machine."""
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def read(self, name: str) -> str:
        """A file of the node without white space around it; empty where there is none."""
        path = self.root / name.lstrip("/")
        return path.read_text().strip() if path.exists() else ""

    def command(self, name: str, script: str = "", *, recorded: bool = True, path: str = "bin") -> None:
        """Put a stand-in for a command there: it records how it was called, then runs the script."""
        record = f'echo "{name} $*" >>"$ROOT/calls"\n' if recorded else ""
        self.write(f"{path}/{name}", f"#!/bin/sh\n{record}{script}\n").chmod(0o755)

    def start(self, program: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a program of the node, in a session of its own."""
        environment = {
            "PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin",
            "ROOT": str(self.root),
            "LC_ALL": "C",
            **variables,
        }
        command = [str(self.root / program.lstrip("/")), *arguments]
        return subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def run(self, program: str, *arguments: str, **variables: str) -> int:
        """Run a program of the node and what it left in the background; returns its exit status."""
        process = self.start(program, *arguments, **variables)
        try:
            process.communicate(timeout=LIMIT_SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.communicate()
        return process.returncode

    @property
    def calls(self) -> list[str]:
        """The commands that were started, in order."""
        return self.read("calls").splitlines()

    @property
    def events(self) -> list[str]:
        """The events that were recorded, each without `event=`."""
        return [line.removeprefix("event=") for line in self.read("kmsg").splitlines() if line.startswith("event=")]
