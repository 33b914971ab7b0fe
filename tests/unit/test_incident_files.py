"""Incident files: every shipped one is sound, and has a description of what it does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from ruamel.yaml import YAML
from test_topology import CLUSTER, merged

from testbed import settings as configuration
from testbed.checks import CHECKS
from testbed.checks.expectations import Owner, Profile
from testbed.cluster.shape import ADDING, Shape
from testbed.errors import UsageError
from testbed.faults import ACTIONS, FAULTS
from testbed.incidents import Incident, find, load
from testbed.incidents.incident_model import CONDITIONS, KINDS, ActionName, ClusterShape, Load, SteadyState, Step
from testbed.incidents.incident_schema import schema
from testbed.incidents.incident_text import describe, describe_step
from testbed.probes.probe_registry import PROBES
from testbed.recorder.log_patterns import PATTERNS
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
    incident = load(path, topology, patterns=PATTERNS, overlays=ADDING)
    assert incident.name == path.stem
    assert len(incident.why) > 100, "operators are to learn from it why it matters"
    assert incident.duration, "state how long a run usually takes"
    assert path.read_text().startswith("# yaml-language-server: $schema=incident.schema.json\n")
    # With the hardened profile, the known weaknesses of the 2006 design are closed, or the run fails.
    assert incident.profiles["hardened"].known_failures == {}
    # What is broken is healed, and waited for: each incident ends with a cluster that is healthy or known not to be.
    begun = [step.known_as for step in incident.steps if step.inject or step.drain]
    ended = [step.ends for step in incident.steps if step.ends]
    assert "all" in ended or set(begun) == set(ended)


LONGEST_SENTENCE = 25


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_incident_is_in_short_sentences(path: Path) -> None:
    incident = load(path)
    texts = [incident.why, *incident.profiles["reference"].known_failures.values()]
    sentences = [each for text in texts for each in re.split(r"(?<=[.:])\s+", " ".join(text.split()))]
    assert [each for each in sentences if len(each.split()) > LONGEST_SENTENCE] == []
    assert not re.search(r"\.$", incident.title)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_incident_survives_the_journal(path: Path) -> None:
    incident = load(path)
    data = json.loads(json.dumps(incident.model_dump(mode="json")))
    assert Incident.model_validate(data) == incident


def test_every_fault_is_in_some_incident_or_needs_none() -> None:
    used = {step.action for path in SHIPPED for step in load(path).steps}
    # Cousins of faults that are: the same thing is seen.
    assert set(ACTIONS) - used <= {"network-down"}


def test_published_schema_is_the_models() -> None:
    published = json.loads((ROOT / "incidents" / "incident.schema.json").read_text())
    assert published == schema(), "run `make schema`"


def test_schema_knows_every_fault_with_its_options_and_every_condition() -> None:
    step = schema()["$defs"]["Step"]
    assert {each["const"] for each in step["properties"]["inject"]["anyOf"]} == set(FAULTS)
    assert {each["const"] for each in step["properties"]["wait_for"]["anyOf"]} == set(CONDITIONS)
    pull = next(each for each in step["allOf"] if each["if"]["properties"]["inject"]["const"] == "cable-pull")
    assert "network" in pull["then"]["properties"]["options"]["properties"]
    assert "null" not in json.dumps(schema())
    load_keys = schema()["$defs"]["Load"]["properties"]
    assert (load_keys["spawn_rate"]["default"], load_keys["think_time"]["default"]) == ("2/s", "30%")
    assert schema()["$defs"]["SteadyState"]["properties"]["timeout"]["default"] == "90s"


def test_schema_allows_extension_keys_at_the_top_level_alone_and_knows_which_keys_belong_together() -> None:
    document = schema()
    assert list(document["patternProperties"]) == ["^x-"]
    assert document["additionalProperties"] is False
    step = document["$defs"]["Step"]
    assert "patternProperties" not in step
    assert [each["required"] for each in step["oneOf"]] == [[kind] for kind in KINDS]
    assert step["dependentRequired"]["inject"] == ["target"]
    assert step["dependentRequired"]["timeout"] == ["wait_for"]


def test_description_has_steps_faults_and_expectations(topology: Topology) -> None:
    text = describe(load(ROOT / "incidents" / "balancer-cable-pull.yaml", topology), INTERVALS)
    assert text.startswith("balancer-cable-pull: The public cable of the active balancer is pulled\n")
    assert " 2  inject cable-pull at lb:active (network public)" in text
    assert "wait for failed-over, 15s at most" in text
    assert CONDITIONS["failed-over"] in text
    assert "https sees no outage longer than 15s" in text
    assert "must notice the fault: tcp, https" in text
    assert "at the end the site address is held by the peer of its first holder" in text
    assert "https every 20ms" in text
    assert "a run usually takes 40s" in text
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"inject": "power-loss", "target": "db1", "id": "dead"}, "inject power-loss at db1, id dead"),
        ({"heal": "all"}, "heal every fault"),
        ({"heal": "dead"}, "heal dead"),
        (
            {"wait_for": "service", "stable_for": "2s", "probes": ["tcp"]},
            "wait for service (tcp), stable for 2s, 60s at most",
        ),
        ({"sleep": "500ms"}, "sleep 500ms"),
        ({"drain": "app-1"}, "drain app-1"),
        ({"undrain": "app-1"}, "undrain app-1"),
        ({"resign": "lb:active"}, "resign lb:active"),
    ],
)
def test_steps_have_a_description(step: dict[str, object], text: str) -> None:
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
        "name: anchored\ntitle: It waits\nwhy: because it may be so\n"
        "steps:\n- {wait_for: service, timeout: &long 90s}\n- {wait_for: service, timeout: *long}\n"
    )
    assert [step.timeout for step in load(path).steps] == [90, 90]
    assert YAML(typ="safe", pure=True).load(path.read_text())["steps"][1]["timeout"] == "90s"


def test_the_guide_names_all_there_is() -> None:
    guide = (ROOT / "docs" / "incidents.md").read_text()
    blocks = (Incident, ClusterShape, Load, SteadyState, Step, Profile)
    keywords = {*CONDITIONS, *ACTIONS, *(key for block in blocks for key in block.model_fields)}
    keywords |= {*PROBES, *CHECKS, *get_args(ActionName), *get_args(Owner)}
    keywords |= {name for fault in FAULTS.values() for name in fault.Options.model_fields}
    prose = re.sub(r"^```.*?^```$", "", guide, flags=re.DOTALL | re.MULTILINE)
    named = " ".join(re.findall(r"`([^`\n]+)`", prose))
    assert not {word for word in keywords if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", named)}


def test_every_example_of_the_guide_is_an_incident(tmp_path: Path, topology: Topology) -> None:
    guide = (ROOT / "docs" / "incidents.md").read_text()
    examples = [block for block in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL) if "\nname:" in f"\n{block}"]
    assert len(examples) >= 2
    for number, example in enumerate(examples):
        (tmp_path / f"{number}.yaml").write_text(example)
        load(tmp_path / f"{number}.yaml", topology, patterns=PATTERNS, overlays=ADDING)
