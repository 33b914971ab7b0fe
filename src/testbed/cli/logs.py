"""``testbed logs``: what the nodes say, on one clock."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterator
from datetime import datetime
from queue import Queue
from threading import Thread
from typing import Annotated

import typer

from testbed.cli.group import examples, new_app
from testbed.cluster import Cluster
from testbed.machines import Machine
from testbed.machines.machine import LogLine

app = new_app()


@app.command(epilog=examples("testbed logs --events --follow", "testbed logs db1 db2 --since 10m"))
def logs(
    nodes: Annotated[list[str] | None, typer.Argument(help="Nodes; all when none is named.")] = None,
    tail: Annotated[int | None, typer.Option(help="Only the last lines of each node.", min=0)] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Only state changes.")] = False,
) -> None:
    """Show the nodes' logs, merged by the host's clock."""
    cluster = Cluster()
    machines = [cluster.machine(name) for name in nodes] if nodes else cluster.fleet.machines()
    lines = _followed(machines, tail) if follow else _merged(machines, tail)
    # Ctrl-C is how --follow ends.
    with contextlib.suppress(KeyboardInterrupt) if follow else contextlib.nullcontext():
        for name, line in lines:
            if not events or "event=" in line.text:
                stamp = datetime.fromtimestamp(line.wall).astimezone().strftime("%H:%M:%S.%f")[:-3]
                typer.echo(f"{stamp} {name:8} {line.text}")


def _merged(machines: list[Machine], tail: int | None) -> Iterator[tuple[str, LogLine]]:
    streams = [[(machine.name, line) for line in machine.logs(tail=tail)] for machine in machines]
    return heapq.merge(*streams, key=lambda pair: pair[1].wall)


def _followed(machines: list[Machine], tail: int | None) -> Iterator[tuple[str, LogLine]]:
    queue: Queue[tuple[str, LogLine] | None] = Queue()

    def read(machine: Machine) -> None:
        for line in machine.logs(tail=10 if tail is None else tail, follow=True):
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
