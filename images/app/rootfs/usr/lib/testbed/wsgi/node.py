"""What every WSGI application has on these nodes: the node's name in its answers, and /alive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from application import application as served

NODE = ("X-App-Node", os.environ["APP_NODE"])


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The application, as a balancer meets it."""
    if environ["PATH_INFO"] == "/alive":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6"), NODE])
        return [b"alive\n"]

    def start(status: str, headers: list[tuple[str, str]], *error: object) -> object:
        return start_response(status, [*headers, NODE], *error)

    answer: Iterable[bytes] = served(environ, start)
    return answer
