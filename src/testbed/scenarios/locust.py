"""The load's program: how Locust is started in the client."""

from __future__ import annotations

import json

from testbed.scenarios.model import Load


def command(load: Load, seed: int, seconds: int) -> list[str]:
    """Locust's command line for an incident's load.

    Args:
        load: how many users, how fast, what they do.
        seed: of what they do.
        seconds: it ends by itself after so long, should testbed die.
    """
    words = ["locust", "-f", "/opt/testbed/loadtests", "--headless", "--only-summary"]
    words += ["--users", str(load.users), "--spawn-rate", f"{load.rate:g}", "--run-time", f"{seconds}s"]
    words += ["--think-scale", f"{load.think:g}", "--seed", str(seed)]
    return [*words, "--actions", json.dumps(load.actions)] if load.actions else words
