"""Progress told while something takes long: one line a step, with how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Tells steps on a console: a spinner while one runs where there is a terminal, a plain line where there is none.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: str) -> None:
        """Tell something once."""
        self.console.print(text, highlight=False)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show ``name`` while the block runs, then how long it took."""
        started = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(name):
                yield
        else:
            self.say(f"  … {name}")
            yield
        self.say(f"  [green]✓[/] {name} [dim]({time.monotonic() - started:.1f} s)[/]")
