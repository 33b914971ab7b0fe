"""The cluster as a picture: nodes, networks, and what each node does now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from testbed.cluster.state import ClusterState, RoleState
from testbed.faults import LedgerEntry
from testbed.machines import Power
from testbed.roles import BalancerState, DatabaseState
from testbed.topology import Node, Topology

# Fill and border of a node; both pictures use them.
COLOURS: Mapping[str, tuple[str, str]] = {
    "active": ("#d8f5dd", "#1a7f37"),
    "on": ("#ffffff", "#44546a"),
    "ill": ("#fff3d6", "#c98a00"),
    "off": ("#fbdcdc", "#c0392b"),
    "unknown": ("#f0f1f3", "#8a99ad"),
}
NETWORK_COLOURS = ("#2f80c2", "#2e9e6b", "#b8651b", "#6b4fbb")
# Five lines below a name fit into a box.
BOX, LINES, GAP, ROW, MARGIN = (160, 94), 5, 16, 180, 30
# Room for the networks' names, left of their lines.
LABELS = 230


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node in the picture.

    Attributes:
        name: of the node.
        networks: those it is on, from the users' inwards.
        lines: what stands below its name.
        look: ``active``, ``on``, ``ill``, ``off`` or ``unknown``: a key of ``COLOURS``.
        virtual: whether it is a VM.
    """

    name: str
    networks: tuple[str, ...]
    lines: tuple[str, ...]
    look: str
    virtual: bool


def graph_nodes(
    topology: Topology, state: ClusterState | None = None, faults: Iterable[LedgerEntry] = ()
) -> list[GraphNode]:
    """Return the nodes to draw.

    Args:
        topology: what there should be.
        state: what the nodes do; None: it is not known, and only the topology is drawn.
        faults: those in force.
    """
    described = {each.node: each for each in state.roles} if state else {}
    found = []
    for name, node in _machines(topology):
        power = state.power.get(name) if state else None
        struck = [f"fault: {entry.fault}" for entry in faults if entry.node == name]
        look = "unknown" if state is None else _look(power, described.get(name), struck)
        lines = [
            *([] if node.role.value == name else [node.role.value]),
            *_doing(power, described.get(name), topology, known=state is not None),
            *struck,
        ]
        networks = tuple(network for network in _inwards(topology) if network in node.addresses)
        found.append(GraphNode(name, networks, tuple(lines), look, node.keys.machine == "virtual"))
    return found


def _inwards(topology: Topology) -> list[str]:
    """The networks, from the users' to those that only databases are on."""
    return list(dict.fromkeys((topology.site.network, topology.database.network, *topology.networks)))


def _machines(topology: Topology) -> list[tuple[str, Node]]:
    return [
        (f"{node.name}-{number + 1}" if node.scalable else node.name, node)
        for node in topology.nodes.values()
        for number in range(node.scale)
    ]


def _look(power: Power | None, state: RoleState | None, struck: Sequence[str]) -> str:
    if power in (None, Power.OFF):
        return "off"
    if power is Power.FROZEN or struck or (state is not None and not state.reachable):
        return "ill"
    return "active" if _is_active(state) else "on"


def _is_active(state: RoleState | None) -> bool:
    return (isinstance(state, BalancerState) and state.holds_address) or (
        isinstance(state, DatabaseState) and state.serving
    )


def _doing(power: Power | None, state: RoleState | None, topology: Topology, *, known: bool) -> list[str]:
    """What a node does, in short lines."""
    if not known:
        return []
    if power is not Power.ON:
        return ["does not exist" if power is None else power.value]
    match state:
        case BalancerState(reachable=True):
            return [f"active, {topology.site.address}" if state.holds_address else "standby"]
        case DatabaseState(reachable=True):
            role = f"primary, {topology.database.address}" if state.serving else "standby"
            return [role, *state.short_lines()]
        case None:
            return []
        case _:
            return [] if state.reachable else ["does not answer"]


def mermaid(topology: Topology, nodes: Sequence[GraphNode]) -> str:
    """Return the picture as a Mermaid flowchart (mermaid.js.org), for Markdown.

    Args:
        nodes: what ``boxes`` returned.
    """
    used = _used(topology, nodes)
    lines = ["flowchart TB"]
    lines += [f'    {_id(name)}(["{name} {topology.networks[name]}"])' for name in used]
    for node in nodes:
        text = "<br/>".join(_mermaid_text(each) for each in (f"<b>{node.name}</b>", *node.lines))
        left, right = ("[[", "]]") if node.virtual else ("[", "]")
        lines.append(f'    {_id(node.name)}{left}"{text}"{right}:::{node.look}')
    for node in nodes:
        first, *others = [*node.networks, ""]
        if first:
            lines.append(f"    {_id(first)} --- {_id(node.name)}")
        lines += [f"    {_id(node.name)} --- {_id(network)}" for network in others if network]
    lines += [f"    classDef {look} fill:{fill},stroke:{line},color:#1f2a37" for look, (fill, line) in COLOURS.items()]
    return "\n".join(lines) + "\n"


def _mermaid_text(text: str) -> str:
    return text if text.startswith("<b>") else text.replace('"', "#quot;").replace("<", "#lt;")


def _id(name: str) -> str:
    """A word that Mermaid takes for a name: it reads `end` and dashes in its own way."""
    return f"n_{name.replace('-', '_')}"


def _used(topology: Topology, nodes: Sequence[GraphNode]) -> list[str]:
    """Return the networks that nodes are on, from the users' inwards.

    Behind the database network, those come last that are the only network of a node: this node stands below its
    network, and a line to a network further down would pass behind the node.
    """
    used = [name for name in _inwards(topology) if any(name in node.networks for node in nodes)]
    first = [name for name in used if name in (topology.site.network, topology.database.network)]
    rest = [name for name in used if name not in first]
    return first + sorted(rest, key=lambda name: any(node.networks == (name,) for node in nodes))


def svg(topology: Topology, nodes: Sequence[GraphNode]) -> str:
    """Return the picture as SVG: each network a line, each node between the networks that it is on.

    Args:
        nodes: what ``boxes`` returned.
    """
    networks = _used(topology, nodes)
    rows: dict[int, list[GraphNode]] = {}
    for node in nodes:
        rows.setdefault(_row(node, networks), []).append(node)
    width = LABELS + MARGIN + max((len(row) for row in rows.values()), default=1) * (BOX[0] + GAP) - GAP
    width = max(width, 640)
    lowest = max(MARGIN + ROW * max(rows, default=0) + BOX[1], _line_y(len(networks) - 1) + 20)
    height = round(lowest + MARGIN)
    drawn = [*_networks(topology, networks, width)]
    for number, row in rows.items():
        space = (width - LABELS - MARGIN) / len(row)
        for place, node in enumerate(row):
            drawn += _box(node, networks, LABELS + space * (place + 0.5), number)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12">\n'
        f'<rect width="{width}" height="{height}" fill="#fafbfd"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def _row(node: GraphNode, networks: Sequence[str]) -> int:
    """Return a node's row: above the first network if this is its only one, else below the first of its networks."""
    numbers = [networks.index(name) for name in node.networks]
    return 0 if not numbers or numbers == [0] else min(numbers) + 1


def _line_y(number: int) -> float:
    """Return the height of a network's line."""
    return MARGIN + BOX[1] + (ROW - BOX[1]) / 2 + ROW * number


def _networks(topology: Topology, networks: Sequence[str], width: int) -> Iterable[str]:
    for number, name in enumerate(networks):
        colour, y = NETWORK_COLOURS[number % len(NETWORK_COLOURS)], _line_y(number)
        yield f'<line x1="{LABELS}" y1="{y}" x2="{width - MARGIN}" y2="{y}" stroke="{colour}" stroke-width="5"/>'
        label = escape(f"{name} {topology.networks[name]}")
        yield f'<text x="{MARGIN}" y="{y + 4}" fill="{colour}" font-weight="bold">{label}</text>'


def _box(node: GraphNode, networks: Sequence[str], x: float, row: int) -> Iterable[str]:
    top = MARGIN + ROW * row
    fill, line = COLOURS[node.look]
    for place, name in enumerate(node.networks):
        number = networks.index(name)
        colour = NETWORK_COLOURS[number % len(NETWORK_COLOURS)]
        at = x + (place - (len(node.networks) - 1) / 2) * 24
        edge = top if number < row else top + BOX[1]
        yield f'<line x1="{at}" y1="{edge}" x2="{at}" y2="{_line_y(number)}" stroke="{colour}" stroke-width="2"/>'
    dashes = ' stroke-dasharray="6 3"' if node.virtual else ""
    yield (
        f'<rect x="{x - BOX[0] / 2}" y="{top}" width="{BOX[0]}" height="{BOX[1]}" rx="6" fill="{fill}" stroke="{line}"'
        f' stroke-width="2"{dashes}/>'
    )
    name = f'text-anchor="middle" font-weight="bold" font-size="14">{escape(node.name)}'
    yield f'<text x="{x}" y="{top + 18}" {name}</text>'
    for number, text in enumerate(node.lines[:LINES]):
        yield f'<text x="{x}" y="{top + 33 + 13 * number}" text-anchor="middle" font-size="11">{escape(text)}</text>'
