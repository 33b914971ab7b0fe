"""Every database design answers what testbed asks, and topologies and journals choose one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_health import TOPOLOGY

from testbed.checks.phases import phase_names
from testbed.designs.database_design import DatabaseDesign
from testbed.designs.design_registry import DEFAULT, DESIGNS, design_of, design_of_run
from testbed.designs.layout_registry import DEFAULT_PROFILE, LAYOUTS, PROFILES
from testbed.designs.recorded_design import RecordedDesign
from testbed.errors import UsageError
from testbed.faults import FAULTS
from testbed.journal import RunPlan

ROOT = Path(__file__).parents[2]
EVERY = pytest.mark.parametrize("design", DESIGNS.values(), ids=list(DESIGNS))


@EVERY
def test_a_design_has_every_attribute_that_testbed_reads(design: DatabaseDesign[Any]) -> None:
    missing = [name for name in DatabaseDesign.__annotations__ if not hasattr(design, name)]
    missing += [name for name in RecordedDesign.__annotations__ if not hasattr(design.recorded, name)]
    assert missing == []


@EVERY
def test_the_phases_of_a_design_come_after_phases_that_exist(design: DatabaseDesign[Any]) -> None:
    recorded = design.recorded
    names = phase_names(recorded)
    assert len(set(names)) == len(names)
    assert {name for pair in recorded.phase_order for name in pair} <= set(names)
    assert {name for together, _ in recorded.phase_steps for name in together} <= set(names)


@EVERY
def test_the_primary_aspect_of_a_design_is_on_the_page(design: DatabaseDesign[Any]) -> None:
    lanes = {aspect for aspect, _ in design.recorded.lanes}
    assert design.recorded.primary[0] in lanes
    assert set(design.recorded.healthy) <= lanes
    assert {aspect for aspect, _ in design.recorded.tones} <= lanes


@EVERY
def test_the_faults_of_a_design_can_be_injected_by_their_names(design: DatabaseDesign[Any]) -> None:
    assert [FAULTS[fault.name] for fault in design.faults] == list(design.faults)


@EVERY
def test_the_layout_of_a_design_is_whole(design: DatabaseDesign[Any]) -> None:
    """Its profiles have overlays, its images folders, and each is like a profile that there is."""
    layout = design.layout
    assert layout is LAYOUTS[design.name]
    assert PROFILES[0] == DEFAULT_PROFILE
    assert len(PROFILES) == len(set(PROFILES))
    for profile in layout.profiles:
        assert profile.name == DEFAULT_PROFILE or (ROOT / "compose" / f"{profile.name}.yaml").is_file()
        assert not profile.like or profile.like in PROFILES
    assert [each.name for each in layout.images if not (ROOT / "images" / each.name / "Dockerfile").is_file()] == []


def test_a_topology_and_a_journal_without_a_name_have_the_default() -> None:
    assert design_of(TOPOLOGY) is DEFAULT
    assert design_of_run(None) is DEFAULT
    assert design_of_run(RunPlan("run", {}, platform={"profile": "hardened"})) is DEFAULT
    assert design_of_run(RunPlan("run", {}, platform={"design": DEFAULT.name})) is DEFAULT


def test_an_unknown_design_is_refused_with_the_known_ones() -> None:
    other = replace(TOPOLOGY, database=TOPOLOGY.database.model_copy(update={"design": "raft"}))
    with pytest.raises(UsageError, match=f"no database design 'raft'; the designs are {', '.join(DESIGNS)}"):
        design_of(other)
    with pytest.raises(UsageError, match="no database design 'raft'"):
        design_of_run(RunPlan("run", {}, platform={"design": "raft"}))
