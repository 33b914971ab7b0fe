"""``testbed status``: who does what."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.table import Table

from testbed.cli.exit_status import ExitStatus
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import err, out
from testbed.cluster import Cluster, ClusterState, complaints
from testbed.cluster.lock import holders
from testbed.cluster.state import RoleState
from testbed.roles import AppState, ArbiterState, BalancerState, DatabaseState, MailState, SingleState

app = new_app()


@app.command(epilog=examples("testbed status", "testbed status --json"))
def status(as_json: Json = False) -> None:
    """Show each node's power, address and role, and the faults in force.

    Exit status 1 when the cluster is not healthy.
    """
    cluster = Cluster()
    state = cluster.state()
    wrong = complaints(state, cluster.topology)
    faults = cluster.ledger.entries()
    held = holders(cluster.settings)
    if as_json:
        document = {
            "healthy": not wrong,
            "complaints": wrong,
            "profile": cluster.topology.profile,
            "active_balancer": state.active_balancer,
            "primary_database": state.primary_database,
            "faults": [asdict(entry) for entry in faults],
            "held_by": [{"command": each.command, "pid": each.pid, "since": each.since} for each in held],
            **asdict(state),
        }
        print_json(document)
    else:
        out.print(_table(state, cluster))
        for entry in faults:
            options = " ".join(f"{name}={value}" for name, value in entry.options.items())
            err.print(f"[yellow]fault in force:[/] {entry.fault} on {entry.node} {options}", highlight=False)
        for holder in held:
            err.print(f"held by {holder}", highlight=False, markup=False)
        for complaint in wrong:
            err.print(f"[red]✗[/] {complaint}", highlight=False)
        if not wrong:
            err.print(f"[green]✓[/] healthy ({cluster.topology.profile})", highlight=False)
    if wrong:
        raise typer.Exit(ExitStatus.FAILED)


def _table(state: ClusterState, cluster: Cluster) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("node", "power", "address", "state"):
        table.add_column(heading)
    described: dict[str, RoleState] = {each.node: each for each in state.roles}
    for name, power in state.power.items():
        each = described.get(name)
        holds = isinstance(each, BalancerState | DatabaseState) and each.holds_address
        virtual = cluster.topology.site if isinstance(each, BalancerState) else cluster.topology.database
        table.add_row(name, power.value, str(virtual.address) if holds else "", _describe(each) if each else "")
    return table


def _describe(state: RoleState) -> str:
    match state:
        case BalancerState(reachable=True):
            pools: dict[str, list[str]] = {}
            for each in state.members:
                pools.setdefault(each.pool, []).append(f"{each.name} ({each.status.strip()}, {each.elected})")
            told = "; ".join(f"{pool}: {', '.join(members)}" for pool, members in pools.items())
            return f"{'active' if state.holds_address else 'standby'}; {told or 'its pools are empty'}"
        case AppState(reachable=True):
            return f"{', '.join(state.applications) or 'nothing'} runs; {state.sessions} sessions"
        case DatabaseState(reachable=True):
            serving = "serving" if state.serving else "standby"
            parts = (state.drbd_role, state.drbd_connection, state.drbd_disks)
            postgres = "PostgreSQL accepts" if state.postgres else "no PostgreSQL"
            return f"{serving}; DRBD {' '.join(parts)}; {'mounted; ' if state.mounted else ''}{postgres}"
        case MailState(reachable=True) | SingleState(reachable=True):
            return _running(state)
        case ArbiterState(reachable=True):
            return f"{state.alone or 'nobody'} has the data alone; {state.generation} decisions"
        case _:
            return "does not answer"


def _running(state: MailState | SingleState) -> str:
    """Which of a machine's daemons run."""
    if isinstance(state, MailState):
        daemons = {"IMAP": state.imap, "SMTP": state.smtp}
        return "; ".join(f"{name} {'runs' if runs else 'is dead'}" for name, runs in daemons.items())
    daemons = {"Apache": state.apache, "MariaDB": state.database}
    told = [f"{name} {'runs' if runs else 'is dead'}" for name, runs in daemons.items()]
    return "; ".join([*told, f"{state.sessions} sessions"])
