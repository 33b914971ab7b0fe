"""One experiment at a time: a second one would heal the first one's faults and end its probes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from testbed.errors import UsageError
from testbed.settings import Settings


@contextmanager
def turn(settings: Settings) -> Iterator[None]:
    """Have the cluster to oneself; the kernel gives it back when the process ends, however it ends.

    Args:
        settings: the checkout's, whose cluster it is.

    Raises:
        UsageError: somebody else is at it.
    """
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with (settings.state_dir / "run.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.read().strip() or "unknown"
            raise UsageError(
                f"another run is under way (process {who})",
                mend="wait for its end: two would break each other's cluster",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
