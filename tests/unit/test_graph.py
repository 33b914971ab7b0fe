"""`testbed graph`: the pictures are made of the topology and of what the nodes said."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_health import TOPOLOGY, whole
from test_shape import design
from typer.testing import CliRunner

from testbed.cli import app
from testbed.cli import graph as command
from testbed.cluster import project
from testbed.cluster.graph import COLOURS, graph_nodes, mermaid, svg
from testbed.errors import UsageError
from testbed.faults import Ledger, LedgerEntry
from testbed.machines import Power

FREEZE = LedgerEntry("1", "freeze", "app-1", "app:any", {}, 0.0, 1)


def looks(**power: Power) -> dict[str, str]:
    state = whole()
    state = replace(state, power={**state.power, **power})
    return {box.name: box.look for box in graph_nodes(TOPOLOGY, state, [FREEZE])}


def test_a_node_looks_as_it_is() -> None:
    found = looks(lb2=Power.OFF, mail=Power.FROZEN)
    assert (found["lb1"], found["db1"]) == ("active", "active")
    assert (found["lb2"], found["mail"], found["app-1"]) == ("off", "ill", "ill")
    assert (found["db2"], found["app-2"]) == ("on", "on")


def test_a_node_that_does_not_exist_or_does_not_answer_is_seen() -> None:
    state = whole()
    power = {name: each for name, each in state.power.items() if name != "mail"}
    dumb = replace(state, power=power, databases=(replace(state.databases[0], reachable=False), state.databases[1]))
    found = {box.name: box for box in graph_nodes(TOPOLOGY, dumb)}
    assert found["mail"].look == "off"
    assert "does not exist" in found["mail"].lines
    assert found["db1"].look == "ill"
    assert "does not answer" in found["db1"].lines


def test_mermaid_has_every_node_and_cable_once() -> None:
    text = mermaid(TOPOLOGY, graph_nodes(TOPOLOGY, whole(), [FREEZE]))
    assert text.startswith("flowchart TB\n")
    for node in graph_nodes(TOPOLOGY):
        assert len(re.findall(rf"^    n_{node.name.replace('-', '_')}\[+\"<b>{node.name}</b>", text, re.MULTILINE)) == 1
    assert text.count(" --- ") == sum(len(node.networks) for node in graph_nodes(TOPOLOGY))
    assert 'n_db1[["<b>db1</b><br/>database<br/>primary, 198.18.1.20<br/>DRBD Connected' in text
    assert "fault: freeze" in text
    assert "n_lb1 --- n_backend" in text
    assert all(f"classDef {look} " in text for look in COLOURS)


@pytest.mark.parametrize("overlays", [(), ("hardened",), ("single",), ("hardened", "single")])
def test_svg_is_well_formed_and_everything_is_inside(overlays: tuple[str, ...]) -> None:
    topology = design(*overlays)
    nodes = graph_nodes(topology, whole(), [FREEZE])
    root = ET.fromstring(svg(topology, nodes))  # noqa: S314 - our own
    width, height = (float(root.attrib[key]) for key in ("width", "height"))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for node in nodes:
        assert node.name in texts
    for network in topology.networks:
        assert f"{network} {topology.networks[network]}" in texts
    rectangles = list(root.iter("{http://www.w3.org/2000/svg}rect"))[1:]
    assert len(rectangles) == len(nodes)
    spots = [[float(each.attrib[key]) for key in ("x", "y", "width", "height")] for each in rectangles]
    for x, y, w, h in spots:
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
    overlapping = [
        (a, b)
        for number, a in enumerate(spots)
        for b in spots[number + 1 :]
        if abs(a[0] - b[0]) < a[2] and abs(a[1] - b[1]) < a[3]
    ]
    assert not overlapping
    for line in root.iter("{http://www.w3.org/2000/svg}line"):
        x1, y1, x2, y2 = (float(line.attrib[key]) for key in ("x1", "y1", "x2", "y2"))
        assert 0 <= y2 <= height
        behind = [
            (x, y, w, h)
            for x, y, w, h in spots
            if min(x1, x2) < x + w and max(x1, x2) > x and min(y1, y2) < y + h and max(y1, y2) > y
        ]
        assert not behind, "the line passes behind a node"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = SimpleNamespace(settings=None, topology=TOPOLOGY, state=whole, ledger=Ledger(tmp_path))
    monkeypatch.setattr(command, "Cluster", lambda: found)
    monkeypatch.setattr(project, "exists", lambda _: True)


@pytest.mark.usefixtures("cluster")
def test_the_form_is_by_the_file_s_name(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["graph"]).output.startswith("flowchart TB")
    assert CliRunner().invoke(app, ["graph", "--format", "svg"]).output.startswith("<svg ")
    for name, begin in (("a.svg", "<svg "), ("a.mmd", "flowchart TB")):
        assert CliRunner().invoke(app, ["graph", "-o", str(tmp_path / name)]).exit_code == 0
        assert (tmp_path / name).read_text().startswith(begin)


@pytest.mark.usefixtures("cluster")
def test_the_topology_alone_needs_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "exists", lambda _: False)
    result = CliRunner().invoke(app, ["graph"])
    assert isinstance(result.exception, UsageError)
    assert "--no-state" in str(result.exception)
    printed = CliRunner().invoke(app, ["graph", "--no-state"]).output
    assert ":::unknown" in printed
    assert ":::active" not in printed
