"""``testbed inspect``: everything about a node."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import out
from testbed.cluster import Cluster, project
from testbed.cluster.node_summary import describe_state
from testbed.cluster.state import RoleState
from testbed.errors import TestbedError, UsageError
from testbed.machines import Machine, Power
from testbed.machines.container import ContainerMachine

app = new_app()


@app.command(epilog=examples("testbed inspect", "testbed inspect db1", "testbed inspect db1 --json"))
def inspect(
    node: Annotated[
        str | None,
        typer.Argument(help="A node, such as db1 or app-2; none: a list of all.", autocompletion=complete.nodes),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a node's role, image, container, addresses, state and faults, or list all nodes."""
    cluster = Cluster()
    if not project.exists(cluster.settings):
        raise UsageError("no cluster is up", fix="run `testbed up`")
    machines = cluster.fleet.machines() if node is None else [cluster.machine(node)]
    documents = [_document(cluster, machine) for machine in machines]
    if node is None:
        if as_json:
            print_json(documents)
        else:
            out.print(_list(documents))
        return
    [machine], [document] = machines, documents
    answers = cluster.state(machine.node.role).roles
    state = next((each for each in answers if each.node == machine.name), None)
    faults = [entry for entry in cluster.ledger.readable_entries() if entry.node == machine.name]
    if as_json:
        print_json({**document, "state": asdict(state) if state else None, "faults": [asdict(each) for each in faults]})
        return
    in_force = [f"{each.fault} {' '.join(f'{key}={value}' for key, value in each.options.items())}" for each in faults]
    out.print(_table(document, state, in_force))


def _document(cluster: Cluster, machine: Machine) -> dict[str, Any]:
    """Everything that is known of a node without asking its system."""
    power = machine.power()
    document: dict[str, Any] = {
        "node": machine.name,
        "role": machine.node.role.value,
        "machine": machine.node.keys.machine,
        "platform": machine.node.keys.platform,
        "power": power.value,
        "started": machine.started_at() if power is not Power.OFF else None,
        "addresses": {network: _address(machine, network) for network in machine.node.addresses},
        "image": machine.node.image,
        "console": str(console) if (console := machine.console()) else None,
    }
    if isinstance(machine, ContainerMachine):
        document |= {
            "container": machine.container_name(),
            "container_id": machine.container_id(),
            "image_id": machine.image_id(),
            "image_is_current": machine.image_id() == machine.current_image(),
        }
    virtual = {"balancer": cluster.topology.site, "database": cluster.topology.database}.get(machine.node.role.value)
    if virtual:
        document["virtual_address"] = str(virtual.address)
    return document


def _address(machine: Machine, network: str) -> str:
    """Return a node's own address, which Compose draws for a scaled service."""
    fixed = machine.node.addresses[network]
    if fixed or not isinstance(machine, ContainerMachine):
        return str(fixed or "")
    try:
        return machine.address(network)
    except TestbedError:
        return ""


def _list(documents: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("node", "role", "machine", "power", "addresses", "image", "container"):
        table.add_column(heading, overflow="fold")
    for each in documents:
        table.add_row(
            each["node"], each["role"], each["machine"], each["power"], _addresses(each), each["image"],
            each.get("container", ""),
        )  # fmt: skip
    return table


def _addresses(document: dict[str, Any]) -> str:
    return ", ".join(f"{network} {address or 'none'}" for network, address in document["addresses"].items())


def _table(document: dict[str, Any], state: RoleState | None, faults: list[str]) -> Table:
    """One line a fact."""
    started = document["started"]
    facts = {
        "role": document["role"],
        "machine": f"{document['machine']}, {document['platform']}",
        "power": document["power"],
        "started": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(started)) if started else "",
        "addresses": _addresses(document),
        "virtual address": document.get("virtual_address", ""),
        "state": describe_state(state) if state else "",
        "faults": ", ".join(each.strip() for each in faults) or "none",
        "image": document["image"] + ("" if document.get("image_is_current", True) else " (rebuilt since)"),
        "image id": document.get("image_id", ""),
        "container": f"{document.get('container', '')} {document.get('container_id', '')[:12]}".strip(),
        "console": document["console"] or "",
    }
    table = Table(box=None, show_header=False, pad_edge=False, title=document["node"], title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            table.add_row(name, escape(value))
    return table
