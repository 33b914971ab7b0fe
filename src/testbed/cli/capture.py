"""``testbed capture``: packets of a node or a network, in a file for Wireshark."""

from __future__ import annotations

import re
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.options import duration_option, format_long_duration
from testbed.cli.output import err
from testbed.cluster import Cluster, project
from testbed.errors import UsageError
from testbed.host import engine, identity
from testbed.machines.capture import CapturePoint, capture, network_capture_point, node_capture_point
from testbed.machines.container import ContainerMachine

app = new_app()

FOLDER = "captures"
_UNITS = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


@app.command(
    "capture",
    epilog=examples(
        "testbed capture public --for 30s",
        "testbed capture db1 --network replication --output replication.pcap",
        "testbed capture lb1 --output - | tcpdump -r - -n",
    ),
)
def capture_packets(
    where: Annotated[
        str,
        typer.Argument(
            metavar="NODE|NETWORK", help="A node, such as lb1, or a network: public.", autocompletion=complete.nodes
        ),
    ],
    network: Annotated[list[str] | None, typer.Option(help="Of a node: only on this network.")] = None,
    seconds: Annotated[
        float, duration_option("--for", help="End after so long.", least=1, most=86400, show_default="1m")
    ] = 60.0,
    size: Annotated[str, typer.Option("--size", metavar="SIZE", help="End before the file is larger.")] = "64MiB",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file; -: standard output. [default: in .testbed/captures]"),
    ] = None,
) -> None:
    """Record packets of a node or a network to a pcap file, until a limit or Ctrl-C.

    A VM's packets are recorded outside its guest. A network's packets are recorded at its bridge on this computer.
    Times are those of this computer's clock.
    """
    most = _bytes(size)
    cluster = Cluster()
    if not project.exists(cluster.settings):
        raise UsageError("no cluster is up", fix="run `testbed up`")
    point = _capture_point(cluster, where, network or [])
    labels = identity.labels(cluster.settings)
    image = f"{cluster.settings.images}/client"
    to_pipe = output == Path("-")
    if to_pipe and sys.stdout.isatty():
        raise UsageError(
            "a capture is not text for a terminal", where="--output -", fix="send it to a program or a file"
        )
    target = output or cluster.settings.state_dir / FOLDER / time.strftime(f"%Y%m%d-%H%M%S-{where}.pcap")
    if not to_pipe:
        target.parent.mkdir(parents=True, exist_ok=True)
    limits = f"{format_long_duration(seconds)}, at most {size}; Ctrl-C ends it"
    err.print(f"capturing {where} ({', '.join(point.interfaces)}): {limits}", highlight=False)
    with nullcontext(sys.stdout.buffer) if to_pipe else target.open("wb") as out:
        try:
            capture(point, image, labels, out, seconds=seconds, most=most)
        except KeyboardInterrupt:  # the packets captured until now are kept
            err.print("ended", highlight=False)
    if not to_pipe:
        err.print(f"{target.stat().st_size} bytes", highlight=False)
        typer.echo(target)


def _capture_point(cluster: Cluster, where: str, networks: list[str]) -> CapturePoint:
    if where in cluster.topology.networks:
        if networks:
            raise UsageError(f"{where!r} is a network already", where="--network", fix="name a node, or no --network")
        return network_capture_point(engine.client(), identity.read(cluster.settings), where)
    nodes = {machine.name: machine for machine in cluster.fleet.machines()}
    machine = nodes.get(where)
    if not isinstance(machine, ContainerMachine):
        known = ", ".join([*nodes, *cluster.topology.networks])
        raise UsageError(f"no node or network {where!r}", fix=f"there are {known}")
    return node_capture_point(machine, networks)


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6})(KiB|MiB|GiB)", text, re.ASCII)
    if not match or not int(match[1]):
        raise UsageError(
            f"{text!r} is not a size", where="--size", fix="write a number with its unit, as 512KiB or 64MiB"
        )
    return int(match[1]) * _UNITS[match[2]]
