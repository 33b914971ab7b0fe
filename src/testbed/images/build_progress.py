"""The progress of several builds at once: a line for each long step, and on a terminal the current steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.markup import escape
from rich.status import Status

from testbed.images.build_job import Report
from testbed.progress import Progress

_WORTH_A_LINE = 2.0  # seconds; a shorter step is shown while it runs, if at all


class BuildProgress:
    """Progress of builds that run in threads of their own.

    Args:
        progress: where lines go; where that is a terminal, a last line shows the steps in progress.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._steps: dict[str, str] = {}
        terminal = progress.console.is_terminal
        self._status: Status | None = progress.console.status("building images") if terminal else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    @contextmanager
    def build(self, name: str) -> Iterator[Report]:
        """Show one build: its long steps with how long each took, then the total.

        Args:
            name: the image's short name.
        """
        began = time.monotonic()
        step, since = "", began

        def report(text: str) -> None:
            nonlocal step, since
            now = time.monotonic()
            if step and now - since >= _WORTH_A_LINE:
                self._progress.print_line(f"    [dim]{name}: {escape(step)} ({now - since:.1f} s)[/]")
            step, since = text, now
            self._show(name, text)

        self._progress.print_line(f"  … building {name}")
        try:
            yield report
            report("")
        finally:
            self._show(name, None)
        self._progress.print_line(f"  [green]✓[/] built {name} [dim]({time.monotonic() - began:.1f} s)[/]")

    def _show(self, name: str, text: str | None) -> None:
        with self._lock:
            if text is None:
                self._steps.pop(name, None)
            else:
                self._steps[name] = text
            if self._status:
                self._status.update(escape("; ".join(f"{image} {step}" for image, step in self._steps.items())))
