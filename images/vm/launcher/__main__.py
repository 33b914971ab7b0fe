"""Runs the machine: from power-on, through its events, to an orderly or a hard power-off.

Exit status 0 when the guest powered itself off, 1 when the machine could not run, crashed, did not
boot, or had its power cut because it would not stop.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable

from launcher import control, disks, machine, network
from launcher.settings import LauncherError, Settings, read

# The events of the VM that are printed, by QMP's names (QEMU, docs/interop/qemu-qmp-ref).
EVENTS = {
    "STOP": "event=vm-stopped",
    "RESUME": "event=vm-resumed",
    "RESET": "event=vm-reset",
    "SHUTDOWN": "event=vm-shutdown",
    "BLOCK_IO_ERROR": "event=vm-disk-error",
}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


class Watch:
    """One machine's life.

    Args:
        settings: the machine's settings.
        running: the machine, just switched on.
    """

    def __init__(self, settings: Settings, running: machine.Machine) -> None:
        self.settings = settings
        self.machine = running
        self.stopping = False
        self.reset = False
        self._await_boot()

    def _await_boot(self) -> None:
        self.booted = self.settings.boot_seconds == 0
        if not self.stopping:
            self.deadline = time.monotonic() + self.settings.boot_seconds

    def stop(self, *_: object) -> None:
        """Press the guest's power button; the power is cut if it does not go by itself."""
        if not self.stopping:
            self.stopping = True
            self.deadline = time.monotonic() + self.settings.stop_seconds
            self.machine.order("system_powerdown")

    def print_line(self, line: str) -> None:
        """Pass on a line of the guest, or answer it when it asks for the time.

        Args:
            line: what the guest wrote.
        """
        if line == "clock?":
            # Wall clock of the host, in seconds: the guest's own reads whole seconds at boot.
            self.machine.events.sendall(f"{time.time():.6f}\n".encode())
            return
        if line.startswith("event=booted"):
            self.booted = True
        print(line, flush=True)

    def overdue(self) -> str:
        """Return why the machine must go now, or an empty string."""
        if time.monotonic() < self.deadline:
            return ""
        if self.stopping:
            return f"the guest did not power down within {self.settings.stop_seconds:g} s; power cut"
        if not self.booted:
            log = self.settings.sockets / "console.log"
            text = log.read_text(errors="replace") if log.exists() else ""
            return f"the guest did not boot within {self.settings.boot_seconds:g} s: {_last_line(text)}"
        return ""

    def run(self) -> str:
        """Forward events until the machine is off.

        Returns:
            What went wrong, or an empty string when the guest powered itself off.
        """
        lines = selectors.DefaultSelector()
        for wire, take in ((self.machine.events, self.print_line), (self.machine.monitor, self.note)):
            lines.register(wire, selectors.EVENT_READ, Lines(wire, take))
        while lines.get_map():
            for key, _ in lines.select(0.5):  # a signal does not end a wait, so it must end by itself
                if not key.data.read():
                    lines.unregister(key.fileobj)
            if reason := self.overdue():
                self.machine.process.kill()
                self.machine.process.wait()
                return reason
        errors = self.machine.process.stderr.read() if self.machine.process.stderr else ""
        status = self.machine.process.wait()
        if status:
            return f"QEMU failed: {_last_line(errors)}"
        if self.reset or not (self.booted or self.stopping):
            return "the guest crashed or restarted instead of powering off; its last lines are in console.log"
        return ""

    def note(self, line: str) -> None:
        """Record an event of QEMU.

        Args:
            line: a QMP message.
        """
        message = json.loads(line)
        name, data = message.get("event"), message.get("data", {})
        if name not in EVENTS:
            return
        stamp = message["timestamp"]  # QEMU's own, of the host's clock: nothing that happened on the way counts
        reason = f" reason={data['reason']}" if "reason" in data else ""
        print(f"{EVENTS[name]} at={stamp['seconds']}.{stamp['microseconds']:06d}{reason}", flush=True)
        if name == "SHUTDOWN":
            self.reset = data.get("reason") == "guest-reset"
        if name == "RESET":  # it boots again, in the same container
            self._await_boot()


class Lines:
    """Cuts what comes out of a socket into lines.

    Args:
        wire: the socket.
        take: called with each line.
    """

    def __init__(self, wire: socket.socket, take: Callable[[str], None]) -> None:
        self.wire = wire
        self.take = take
        self.rest = b""

    def read(self) -> bool:
        """Read what there is.

        Returns:
            False when the other end is closed.
        """
        try:
            chunk = self.wire.recv(65536)
        except OSError:
            chunk = b""
        *whole, self.rest = (self.rest + chunk).split(b"\n")
        for line in whole:
            self.take(line.decode(errors="replace").rstrip("\r"))
        return bool(chunk)


def main() -> int:
    """Run the machine the environment describes.

    Returns:
        The container's exit status.
    """
    os.umask(0o007)  # sockets and the console's log: for the user who runs the cluster, by the folder's group
    try:
        settings = read()
        nics = network.wire(settings.nics, os.environ)
        if settings.control:
            nics.append(control.wire(settings.control))
            control.relay_names(settings.control)
        overlays = disks.overlays(settings)
        configuration = disks.configuration(os.environ, nics)
        watch = Watch(settings, machine.start(settings, overlays, configuration, nics))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, watch.stop)
        reason = watch.run()
    except (LauncherError, OSError) as error:
        reason = str(error)
    if reason:
        print(f"vm: {reason}", flush=True)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
