"""A split brain resolved: one side keeps its data; the other's is copied away, then overwritten.

Replication stays apart when both sides were written to, and rightly so: which side to keep is for people to decide
(`testbed resolve split-brain`). A testbed has to go on after it has measured what was lost, so a run keeps the side
that serves, and reports which it dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from testbed.cluster import discarded_copies
from testbed.cluster.cluster import Cluster
from testbed.cluster.state import ClusterState
from testbed.designs.design_registry import design_of
from testbed.errors import TestbedError, UsageError
from testbed.machines.machine import off_reason
from testbed.topology import Role
from testbed.wait import wait_until

SERVING_SECONDS = 60.0
TOKENS = "select extract(epoch from written_at), token from writes order by 1"
# Rows of each of the webmail's tables that has any.
TABLES = """select relname, (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from %s', oid::regclass),
    false, true, '')))[1] from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"""


@dataclass(frozen=True, slots=True)
class Side:
    """What one side of a split brain has.

    Attributes:
        replication: the replicating program.
        generation: the replicating program's identifiers of its data.
        tokens: the probes' writes it holds, each with its time in Unix seconds.
        tables: rows of each of the webmail's tables.
    """

    node: str
    replication: str
    generation: str
    tokens: dict[str, float]
    tables: dict[str, int]

    def alone(self, other: Side) -> dict[str, float]:
        """The probes' writes that only this side has."""
        return {token: at for token, at in self.tokens.items() if token not in other.tokens}

    def differing(self, other: Side) -> list[str]:
        """The webmail's tables that hold another number of rows here than there."""
        names = sorted(self.tables.keys() | other.tables.keys())
        return [name for name in names if self.tables.get(name, 0) != other.tables.get(name, 0)]


@dataclass(frozen=True, slots=True)
class Sides:
    """Who keeps its data, and who loses it.

    Attributes:
        survivor: the node whose data is kept.
        loser: the one whose data is overwritten.
    """

    survivor: str
    loser: str


def sides(cluster: Cluster, keep: str = "") -> Sides:
    """Who would keep its data.

    Args:
        keep: the node whose data is to be kept; by default the one that serves.

    Raises:
        UsageError: there is no split brain, a fault is still in force, or ``keep`` is not a database node.
        TestbedError: a database node does not answer, or none serves.
    """
    design_of(cluster.topology).must_resolve_split_brains()
    state = cluster.state()
    names = [each.node for each in state.databases]
    if keep and keep not in names:
        raise UsageError(f"{keep!r} is not a database node", where="--keep", fix=f"they are {' and '.join(names)}")
    if faults := cluster.ledger.entries():
        raise UsageError(
            f"{faults[0].fault} on {faults[0].node} is still in force", fix="run `testbed heal` first, then see again"
        )
    _refuse_absent(state, design_of(cluster.topology).replication)
    survivor = keep or _serving(cluster)
    return Sides(survivor, _loser(state, survivor))


def _loser(state: ClusterState, survivor: str) -> str:
    """The node that has split from the survivor; in a pair it is the other one."""
    kept = next(each for each in state.databases if each.node == survivor)
    others = [each for each in state.databases if each is not kept]
    return next((each for each in others if each.is_split_from(kept)), others[0]).node


def _refuse_absent(state: ClusterState, replication: str) -> None:
    for each in state.databases:
        if not each.reachable:
            fix = "bring it back first (`testbed up`): its data cannot be looked at, nor be kept"
            raise TestbedError("it does not answer", where=each.node, fix=fix)
    if not state.split_brain:
        states = " and ".join(f"{each.node} {each.replication_state}" for each in state.databases)
        raise UsageError(f"there is no split brain: {replication} is {states}", fix="nothing is to be resolved")


def _serving(cluster: Cluster) -> str:
    survivor: str = wait_until(
        lambda: cluster.state().primary_database or "", SERVING_SECONDS, "one database node to serve",
        hint="`testbed status` shows both; name the one whose data is to be kept with --keep",
        describe=lambda: cluster.state().databases, fatal=lambda: _off_reason(cluster),
    )  # fmt: skip
    return survivor


def _off_reason(cluster: Cluster) -> str:
    """Return which database node is off: without it nothing can be decided or copied."""
    return off_reason(*cluster.fleet.machines(Role.DATABASE))


def separate(cluster: Cluster, which: Sides, name: str = "") -> Path:
    """Make sure that the survivor serves and the loser writes no more, and keep a copy of the loser's data.

    Args:
        which: who is to keep its data.
        name: what the copy is called; by default the time and the node.

    Returns:
        The copy.

    Raises:
        TestbedError: the loser does not let go, or its disk cannot be copied; nothing was overwritten.
    """
    if cluster.state().primary_database == which.loser:
        cluster.machine(which.loser).exec(["resign"])
    wait_until(
        lambda: _is_standby(cluster, which.loser), SERVING_SECONDS, f"{which.loser} to have let go of its data",
        hint="nothing was overwritten", describe=lambda: cluster.state().databases, fatal=lambda: _off_reason(cluster),
    )  # fmt: skip
    wait_until(
        lambda: cluster.state().primary_database == which.survivor, SERVING_SECONDS, f"{which.survivor} to serve",
        hint="nothing was overwritten", describe=lambda: cluster.state().databases, fatal=lambda: _off_reason(cluster),
    )  # fmt: skip
    design_of(cluster.topology).stop_replication(cluster.machine(which.loser))
    return discarded_copies.keep(cluster, which.loser, name)


def compare(cluster: Cluster, which: Sides, copy: Path) -> tuple[Side, Side]:
    """What each side has, the loser's read from the copy: what can be read here can be read later.

    Returns:
        The survivor's side, and the loser's.

    Raises:
        TestbedError: the copy cannot be opened.
    """
    with discarded_copies.OpenedCopy(cluster, copy, which.loser) as opened:
        lost = _side(cluster, which.loser, opened.sql("probe", TOKENS), opened.sql("horde", TABLES))
    served = [discarded_copies.sql(cluster, which.survivor, *query) for query in (("probe", TOKENS), ("horde", TABLES))]
    kept = _side(cluster, which.survivor, *served)
    return kept, lost


def reunite(cluster: Cluster, which: Sides) -> None:
    """Overwrite the loser's data with the survivor's.

    Raises:
        TestbedError: it cannot be overwritten.
    """
    design_of(cluster.topology).replace_data(cluster.machine(which.loser), cluster.machine(which.survivor))


def repair_split_brain(cluster: Cluster) -> str:
    """Keep the data of the node that serves, as a run does that has to go on.

    The discarded side's last copy is kept as ``.testbed/discarded/last-NODE.qcow2``.

    Returns:
        The node whose data was discarded.

    Raises:
        TestbedError: no node serves, or the data cannot be overwritten.
    """
    survivor = _serving(cluster)
    loser = _loser(cluster.state(), survivor)
    which = Sides(survivor, loser)
    separate(cluster, which, f"last-{loser}")
    reunite(cluster, which)
    return loser


def _side(cluster: Cluster, node: str, tokens: list[str], tables: list[str]) -> Side:
    written = (row.partition("|") for row in tokens)
    counted = (row.partition("|") for row in tables)
    design = design_of(cluster.topology)
    generation = design.generation(cluster.machine(node))
    return Side(
        node, design.replication, generation, {token: float(at) for at, _, token in written},
        {name: int(rows) for name, _, rows in counted},
    )  # fmt: skip


def _is_standby(cluster: Cluster, node: str) -> bool:
    return any(each.node == node and each.reachable and not each.uses_data for each in cluster.state().databases)
