"""``testbed logs``: the logs of the nodes, on one clock."""

from __future__ import annotations

import contextlib
import heapq
import json
import time
from collections.abc import Iterator
from datetime import datetime
from queue import Queue
from threading import Thread
from typing import Annotated

import typer

from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.options import duration_option
from testbed.cluster import Cluster
from testbed.machines import Machine
from testbed.machines.machine import LogLine

app = new_app()
# What --follow begins with.
FOLLOWED_LINES = 10


@app.command(epilog=examples("testbed logs --events --follow", "testbed logs db1 db2 --since 10m"))
def logs(
    nodes: Annotated[
        list[str] | None, typer.Argument(help="Nodes; all when none is named.", autocompletion=complete.nodes)
    ] = None,
    tail: Annotated[int | None, typer.Option(help="Only the last lines of each node.", min=0)] = None,
    since: Annotated[
        float | None,
        duration_option("--since", help="Only lines of the last minutes, such as 10m.", show_default=False),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Only state changes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line.")] = False,
) -> None:
    """Show the nodes' logs, merged by the host's clock."""
    cluster = Cluster()
    machines = [cluster.machine(name) for name in nodes] if nodes else cluster.fleet.machines()
    begin = None if since is None else time.time() - since
    lines = _followed(machines, tail, begin) if follow else _merged(machines, tail, begin)
    # Ctrl-C is how --follow ends.
    with contextlib.suppress(KeyboardInterrupt) if follow else contextlib.nullcontext():
        for name, line in lines:
            if not events or "event=" in line.text:
                typer.echo(_as_json(name, line) if as_json else _as_text(name, line))


def _as_text(node: str, line: LogLine) -> str:
    stamp = datetime.fromtimestamp(line.wall).astimezone().strftime("%H:%M:%S.%f")[:-3]
    return f"{stamp} {node:8} {line.text}"


def _as_json(node: str, line: LogLine) -> str:
    return json.dumps({"time": line.wall, "node": node, "text": line.text})


def _merged(machines: list[Machine], tail: int | None, since: float | None) -> Iterator[tuple[str, LogLine]]:
    streams = [[(machine.name, line) for line in machine.logs(since=since, tail=tail)] for machine in machines]
    return heapq.merge(*streams, key=lambda pair: pair[1].wall)


def _followed(machines: list[Machine], tail: int | None, since: float | None) -> Iterator[tuple[str, LogLine]]:
    if tail is None and since is None:
        tail = FOLLOWED_LINES
    queue: Queue[tuple[str, LogLine] | None] = Queue()

    def read(machine: Machine) -> None:
        for line in machine.logs(since=since, tail=tail, follow=True):
            queue.put((machine.name, line))
        queue.put(None)

    for machine in machines:
        Thread(target=read, args=(machine,), daemon=True).start()
    open_streams = len(machines)
    while open_streams:
        item = queue.get()
        if item is None:
            open_streams -= 1
        else:
            yield item
