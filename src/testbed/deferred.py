"""Go on after an error, and raise it at the end: what must be done does not depend on what may be recorded."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType


class Deferred(AbstractContextManager["Deferred", bool]):
    """Steps that are all taken, whatever becomes of one of them.

    deferred = Deferred()
    with deferred:
        journal.write(event)    # the disk may be full
    machine.unpause()           # done in any case
    deferred.raise_first()
    """

    def __init__(self) -> None:
        self.first: BaseException | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Keep the error for later; Ctrl-C too, for it must not leave a machine frozen."""
        kept = isinstance(error, Exception | KeyboardInterrupt)
        if kept:
            self.note(error)
        return kept

    def note(self, error: BaseException | None) -> None:
        """Keep an error that was caught elsewhere; the first counts, and Ctrl-C before all others."""
        if self.first is None or (isinstance(error, KeyboardInterrupt) and isinstance(self.first, Exception)):
            self.first = error

    def raise_first(self) -> None:
        """Raise the error that was kept; do nothing if there was none."""
        if self.first is not None:
            raise self.first
