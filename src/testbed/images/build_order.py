"""Which build may begin when: each after those it stands on, two at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence


def run_in_order(needs: Mapping[str, Sequence[str]], work: Callable[[str], None], parallel: int = 2) -> None:
    """Do ``work`` for each name, each after all its needs are done.

    The workers are daemon threads: Ctrl-C and the first failure come through at once, and ending the process ends
    the engine's builds, whose connections it held.

    Args:
        needs: name to the names that come before it; names that are not keys count as done. In the order in which
            to begin what is ready.
        work: done in a thread of its own.
        parallel: how many at a time.

    Raises:
        Exception: the first that ``work`` raised; nothing more is begun.
        ValueError: the needs go in a circle.
    """
    waiting = {name: {need for need in before if need in needs} for name, before in needs.items()}
    done: queue.Queue[tuple[str, BaseException | None]] = queue.Queue()

    def attempt(name: str) -> None:
        try:
            work(name)
        except BaseException as error:  # noqa: BLE001 (raised again by the thread that waits)
            done.put((name, error))
        else:
            done.put((name, None))

    running = 0
    while waiting or running:
        for name in [name for name, before in waiting.items() if not before][: parallel - running]:
            del waiting[name]
            threading.Thread(target=attempt, args=(name,), name=f"build {name}", daemon=True).start()
            running += 1
        if not running:
            raise ValueError(f"these need each other: {', '.join(waiting)}")
        name, error = done.get()
        running -= 1
        if error is not None:
            raise error
        for before in waiting.values():
            before.discard(name)
