"""Where commands write: results to standard output, everything else to standard error."""

from __future__ import annotations

import logging
import shlex
import sys
from dataclasses import dataclass

from rich.console import Console

from testbed.progress import Progress

# A pipe or a log file has no width of its own; 80 columns would wrap lines that others search.
out = Console(soft_wrap=True, width=200) if not sys.stdout.isatty() else Console()
err = Console(stderr=True, soft_wrap=True)
# Errors are printed with --quiet, too.
errors = Console(stderr=True, soft_wrap=True)
progress = Progress(err)


@dataclass
class Verbosity:
    """How much is printed to standard error.

    Attributes:
        verbose: programs that testbed starts, requests to the engine, and the traceback of an error.
    """

    verbose: bool = False
    _hooked: bool = False

    def set_quiet(self, quiet: bool) -> None:
        """Print only results and errors."""
        err.quiet = quiet

    def set_verbose(self, verbose: bool) -> None:
        """Print what testbed starts and asks."""
        self.verbose = verbose
        if verbose and not self._hooked:
            self._hooked = True
            sys.addaudithook(self._audit)  # stays until the process ends
            logger = logging.getLogger("urllib3.connectionpool")
            logger.setLevel(logging.DEBUG)
            logger.addHandler(_Requests())

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """Print a program that is started (Python's audit event ``subprocess.Popen``)."""
        if event == "subprocess.Popen" and self.verbose:
            text = arguments[1]
            line = shlex.join(map(str, text)) if isinstance(text, list | tuple) else str(text)
            sys.stderr.write(f"+ {line}\n")


class _Requests(logging.Handler):
    """Prints requests to the engine."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        if verbosity.verbose:
            sys.stderr.write(f"+ {record.getMessage()}\n")


verbosity = Verbosity()
