"""Runs the machine: from power-on, through its events, to an orderly or a hard power-off.

Exit status 0 when the guest powered itself off, 1 when the machine could not run, crashed, did not
boot, or had its power cut because it would not stop.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from typing import Any

from launcher import control, disks, network, saved_state
from launcher.lines import Lines
from launcher.machine import Machine, Parts
from launcher.saved_state import SavedState
from launcher.settings import LauncherError, Settings, read

# The events of the VM that are printed, by QMP's names (QEMU, docs/interop/qemu-qmp-ref).
EVENTS = {
    "STOP": "event=vm-stopped",
    "RESUME": "event=vm-resumed",
    "RESET": "event=vm-reset",
    "SHUTDOWN": "event=vm-shutdown",
    "BLOCK_IO_ERROR": "event=vm-disk-error",
}


def log(line: str) -> None:
    """Print a line of the node's log."""
    print(line, flush=True)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


class Watch:
    """One machine's life.

    Args:
        settings: the machine's settings.
        running: the machine, just switched on.
        state: where the guest's state is saved when it has booted; None: it is not.
    """

    def __init__(self, settings: Settings, running: Machine, state: SavedState | None = None) -> None:
        self.settings = settings
        self.machine = running
        self.state = state
        running.monitor.note = self.note
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
            self.machine.monitor.order("system_powerdown")

    def print_line(self, line: str) -> None:
        """Pass on a line of the guest, or answer it when it asks for the time.

        Args:
            line: what the guest wrote.
        """
        if line == "clock?":
            if self.state and not self.stopping:
                self._save(self.state)
            self.machine.send_time()
            return
        if line.startswith("event=booted"):
            self.booted = True
        log(line)

    def _save(self, state: SavedState) -> None:
        """Save the state of the guest, which waits for the time."""
        self.state = None  # later boots in this container have disks that were written to
        saved_state.save(self.machine, state, log)
        self._await_boot()

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
        monitor = self.machine.monitor
        lines.register(self.machine.events, selectors.EVENT_READ, Lines(self.machine.events, self.print_line))
        lines.register(monitor.wire, selectors.EVENT_READ, monitor)
        while lines.get_map():
            for key, _ in lines.select(0.5):  # a signal does not end a wait, so it must end by itself
                if not key.data.read():
                    lines.unregister(key.fileobj)
            if reason := self.overdue():
                self.machine.cut_power()
                return reason
        errors = self.machine.process.stderr.read() if self.machine.process.stderr else ""
        status = self.machine.process.wait()
        if status:
            return f"QEMU failed: {_last_line(errors)}"
        if self.reset or not (self.booted or self.stopping):
            return "the guest crashed or restarted instead of powering off; its last lines are in console.log"
        return ""

    def note(self, message: dict[str, Any]) -> None:
        """Record an event of QEMU.

        Args:
            message: a QMP event.
        """
        name, data = message["event"], message.get("data", {})
        if name not in EVENTS:
            return
        stamp = message["timestamp"]  # QEMU's own, of the host's clock: nothing that happened on the way counts
        reason = f" reason={data['reason']}" if "reason" in data else ""
        print(f"{EVENTS[name]} at={stamp['seconds']}.{stamp['microseconds']:06d}{reason}", flush=True)
        if name == "SHUTDOWN":
            self.reset = data.get("reason") == "guest-reset"
        if name == "RESET":  # it boots again, in the same container
            self._await_boot()


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
        new = disks.are_new(settings)
        parts = Parts(settings, disks.overlays(settings), disks.configuration(os.environ, nics), nics)
        state = saved_state.of(parts, new=new)
        running, restored = saved_state.switch_on(parts, state, log)
        watch = Watch(settings, running, None if restored else state)
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
