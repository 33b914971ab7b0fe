"""Python's garbage collector, kept from what is imported: modules are never garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def spared() -> Iterator[None]:
    """Keep the garbage collector from all objects that exist when the block ends.

    A command's imports make some 100,000 objects. The collector would walk through them several times during the
    imports, and once more when the program ends. That was a third of the processor time of `testbed status`.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
