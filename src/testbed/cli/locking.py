"""Which commands hold the cluster while they work."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from testbed import settings as configuration
from testbed.cluster.lock import Use, hold

P = ParamSpec("P")
R = TypeVar("R")


def holds(use: Use) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have a command hold the cluster from before its first line to its end; it is refused while another holds it.

    Args:
        use: what the command does with the cluster.
    """

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @wraps(command)
        def holding(*args: P.args, **kwargs: P.kwargs) -> R:
            with hold(configuration.load(), use):
                return command(*args, **kwargs)

        return holding

    return decorate
