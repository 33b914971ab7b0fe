"""Prints progress while something takes long: one line for each step, with how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PrintLine = Callable[[str], None]
"""Prints one line for the user."""


class Progress:
    """Prints steps on a console: with a spinner on a terminal, as plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def print_line(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, highlight=False)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show ``name`` while the block runs, then how long it took."""
        started = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(name):
                yield
        else:
            self.print_line(f"  … {name}")
            yield
        self.print_line(f"  [green]✓[/] {name} [dim]({time.monotonic() - started:.1f} s)[/]")
