"""Incident files: every shipped one is sound, and says in words what it does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from ruamel.yaml import YAML
from test_topology import CLUSTER, merged

from testbed import settings as configuration
from testbed.checks.expectations import CheckName, Expectations, ProbeName
from testbed.cluster.shape import ADDING, Shape
from testbed.errors import UsageError
from testbed.faults import ACTIONS, FAULTS
from testbed.recorder.alarms import PATTERNS
from testbed.scenarios import Scenario, find, load
from testbed.scenarios.describe import describe, describe_step
from testbed.scenarios.model import CONDITIONS, ActionName, Step
from testbed.scenarios.schema import schema
from testbed.topology import Topology, resolve
from testbed.topology import load as load_topology

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "incidents").glob("*.yaml"))
INTERVALS = {"https": 0.02, "sql-write": 0.05}


@pytest.fixture(scope="module")
def topology() -> Topology:
    return resolve(merged(), [CLUSTER])


def test_a_dozen_and_more_are_shipped() -> None:
    assert len(SHIPPED) >= 12


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_incident_fits_the_shipped_cluster(path: Path, topology: Topology) -> None:
    if overlays := load(path, overlays=ADDING).cluster.overlays:
        settings = configuration.load({})
        shape = Shape(tuple(overlays))
        topology = load_topology(shape.files(settings), shape.environment(settings))
    scenario = load(path, topology, patterns=PATTERNS, overlays=ADDING)
    assert scenario.name == path.stem
    assert len(scenario.why) > 100, "operators are to learn from it why it matters"
    assert path.read_text().startswith("# yaml-language-server: $schema=incident.schema.json\n")
    # What is broken is healed, and waited for: each incident ends with a cluster that is whole or known not to be.
    faults = [step.name for step in scenario.timeline if step.fault]
    heals = [step.heal for step in scenario.timeline if step.heal]
    assert "all" in heals or set(faults) == set(heals)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_incident_survives_the_journal(path: Path) -> None:
    scenario = load(path)
    data = json.loads(json.dumps(scenario.model_dump(mode="json", by_alias=True)))
    assert Scenario.model_validate(data) == scenario


def test_every_fault_is_in_some_incident_or_needs_none() -> None:
    used = {step.fault for path in SHIPPED for step in load(path).timeline}
    # Cousins of faults that are: the same thing is seen.
    assert set(FAULTS) - used <= {"network-down", "resume"}


def test_published_schema_is_the_models() -> None:
    published = json.loads((ROOT / "incidents" / "incident.schema.json").read_text())
    assert published == schema(), "run `make schema`"


def test_schema_knows_every_fault_with_its_options_and_every_condition() -> None:
    step = schema()["$defs"]["Step"]
    assert {each["const"] for each in step["properties"]["fault"]["anyOf"]} == set(ACTIONS)
    assert {each["const"] for each in step["properties"]["when"]["anyOf"]} == set(CONDITIONS)
    pull = next(each for each in step["allOf"] if each["if"]["properties"]["fault"]["const"] == "cable-pull")
    assert "network" in pull["then"]["properties"]["options"]["properties"]
    assert "null" not in json.dumps(schema())


def test_description_tells_times_faults_and_expectations(topology: Topology) -> None:
    text = describe(load(ROOT / "incidents" / "balancer-cable-pull.yaml", topology), INTERVALS)
    assert "+3s  inject cable-pull at lb:active (network public)" in text
    assert "wait until taken-over, 15s at most" in text
    assert CONDITIONS["taken-over"] in text
    assert "https sees no outage longer than 15s" in text
    assert "the site's address is held by the peer of who held it before" in text
    assert "https each 20ms" in text
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"fault": "power-loss", "target": "db1", "as": "dead"}, "inject power-loss at db1, called dead"),
        ({"heal": "all"}, "heal every fault"),
        ({"heal": "dead"}, "heal dead"),
        ({"when": "served", "for": "2s", "probes": ["tcp"]}, "wait until served (tcp) for 2s, 60s at most"),
        ({"for": "500ms"}, "let 500ms pass"),
    ],
)
def test_steps_in_words(step: dict[str, object], text: str) -> None:
    assert describe_step(Step.model_validate(step)) == text


def test_a_bare_name_means_a_shipped_file(tmp_path: Path) -> None:
    folder = tmp_path / "incidents"
    folder.mkdir()
    (folder / "database-power-loss.yaml").write_text("name: x")
    assert find("database-power-loss", tmp_path).resolve() == folder / "database-power-loss.yaml"
    own = tmp_path / "own.yaml"
    own.write_text("name: own")
    assert find(str(own), tmp_path) == own
    with pytest.raises(UsageError) as caught:
        find("database-power-lost", tmp_path)
    assert "did you mean 'database-power-loss'?" in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_folder_or_a_missing_file_is_no_incident(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.yaml"):
        with pytest.raises(UsageError) as caught:
            load(path)
        assert str(path) in str(caught.value)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(UsageError):
        load(tmp_path / "binary.yaml")


def test_anchors_may_be_used(tmp_path: Path) -> None:
    path = tmp_path / "anchored.yaml"
    path.write_text(
        "name: anchored\nwhy: because it may be so\n"
        "timeline:\n- {when: served, within: &long 90s}\n- {when: served, within: *long}\n"
    )
    assert [step.within for step in load(path).timeline] == [90, 90]
    assert YAML(typ="safe", pure=True).load(path.read_text())["timeline"][1]["within"] == "90s"


def test_the_guide_names_all_there_is() -> None:
    guide = (ROOT / "docs" / "incidents.md").read_text()
    keys = [field.alias or name for name, field in Expectations.model_fields.items()]
    words = [*CONDITIONS, *ACTIONS, *keys, *get_args(ProbeName), *get_args(CheckName), *get_args(ActionName)]
    options = {name for fault in FAULTS.values() for name in fault.Options.model_fields}
    prose = re.sub(r"^```.*?^```$", "", guide, flags=re.DOTALL | re.MULTILINE)
    told = " ".join(re.findall(r"`([^`\n]+)`", prose))
    assert not {word for word in {*words, *options, *Scenario.model_fields} if not re.search(rf"\b{word}\b", told)}
    example = guide.split("```yaml\n")[1].split("```")[0]
    assert Scenario.model_validate(YAML(typ="safe", pure=True).load(example)).name == "database-gone"
