"""Sequences of a hunt: the same seed draws the same one, each is a valid incident, and most faults overlap."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from fakes import topology
from test_topology import CLUSTER, merged

from testbed import faults
from testbed.hunt import incident_writer
from testbed.hunt.draw import LONG, SHORT, TARGETS, Generator, candidates
from testbed.hunt.hunt_store import HuntFinding, HuntSettings, HuntStore
from testbed.hunt.sequence import (
    Steps,
    as_incident,
    brief,
    ending_step,
    format_steps,
    heal_step,
    in_force,
    inject_step,
    remove_steps,
    sequence_title,
    sleep_step,
    steps_as_json,
    steps_key,
    tidy_steps,
)
from testbed.incidents import load
from testbed.incidents.cluster_problems import problems
from testbed.recorder import PATTERNS
from testbed.topology import Topology, resolve

MANY = 200


@pytest.fixture(scope="module")
def shipped() -> Topology:
    return resolve(merged(), [CLUSTER])


@pytest.fixture(scope="module")
def hardened() -> Topology:
    document = merged()
    document["x-testbed"]["profile"] = "hardened"
    document["networks"]["management"] = {"ipam": {"config": [{"subnet": "198.18.3.0/24"}]}}
    for number, name in ((10, "arbiter"), (21, "db1"), (22, "db2")):
        service = document["services"].setdefault(name, {"x-testbed": {"role": "arbiter"}, "networks": {}})
        service["networks"]["management"] = {"ipv4_address": f"198.18.3.{number}"}
    return resolve(document, [CLUSTER])


def drawn(cluster: Topology, seed: int = 2006) -> list[Steps]:
    generator = Generator(cluster)
    return [generator.draw(seed, number) for number in range(1, MANY + 1)]


def test_the_same_seed_and_number_draw_the_same_sequence(shipped: Topology) -> None:
    assert drawn(shipped) == drawn(shipped)
    assert Generator(shipped).draw(7, 3) == drawn(shipped, 7)[2]
    assert drawn(shipped) != drawn(shipped, 2007)
    assert len({steps_key(steps) for steps in drawn(shipped)}) > MANY * 0.99


@pytest.mark.parametrize("profile", ["shipped", "hardened"])
def test_every_sequence_is_a_valid_incident(profile: str, request: pytest.FixtureRequest) -> None:
    cluster: Topology = request.getfixturevalue(profile)
    for number, steps in enumerate(drawn(cluster), 1):
        incident = as_incident(steps, incident_writer.sequence_name(2006, number), "It was drawn.", number)
        assert list(problems(incident, cluster, patterns=PATTERNS)) == [], format_steps(steps)


def test_each_has_two_to_four_faults_and_waits_within_their_bounds(shipped: Topology) -> None:
    for steps in drawn(shipped):
        assert 2 <= sum(bool(step.action) for step in steps) <= 4
        names = [step.id for step in steps if step.inject]
        assert len(set(names)) == len(names)
        for before, step in zip((None, *steps), steps, strict=False):
            if step.sleep is not None:
                assert before is not None
                assert before.sleep is None
                assert SHORT[0] <= step.sleep <= LONG[1]


def test_waits_are_mostly_short(shipped: Topology) -> None:
    waits = [step.sleep for steps in drawn(shipped) for step in steps if step.sleep is not None]
    assert 0.75 < sum(wait <= SHORT[1] for wait in waits) / len(waits) < 0.9


def test_every_fault_and_every_part_is_drawn(shipped: Topology, hardened: Topology) -> None:
    struck = Counter((step.action, step.where) for steps in drawn(shipped) for step in steps if step.action)
    assert {fault for fault, _ in struck} == {name for name, each in faults.ACTIONS.items() if each.hunt_weight}
    assert {target for _, target in struck} == set(TARGETS)
    assert "arbiter" in {step.where for steps in drawn(hardened) for step in steps}


def test_a_fault_that_is_new_in_the_catalogue_is_drawn_too(shipped: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    class Smoke(type(faults.FAULTS["power-loss"])):  # type: ignore[misc]
        name = "smoke"

    monkeypatch.setattr(faults, "ACTIONS", {**faults.ACTIONS, "smoke": Smoke()})
    monkeypatch.setattr("testbed.faults.fault_registry.ACTIONS", faults.ACTIONS)
    assert "smoke" in {step.action for steps in drawn(shipped) for step in steps}


def test_most_sequences_have_overlapping_faults_on_different_parts(shipped: Topology) -> None:
    def overlaps(steps: Steps) -> bool:
        for place, step in enumerate(steps):
            if step.action and any(each.where != step.where for each in in_force(steps[:place])):
                return True
        return False

    assert sum(overlaps(steps) for steps in drawn(shipped)) > 0.8 * MANY


def test_faults_that_would_be_refused_are_not_drawn(shipped: Topology) -> None:
    for steps in drawn(shipped):
        for place, step in enumerate(steps):
            before = in_force(steps[:place])
            if step.where == "mail:any":
                assert all(each.where != "mail:any" for each in before)
            if step.action == "silent-cut":
                assert (step.action, step.where) not in {(each.action, each.where) for each in before}
            if step.options.get("process") == "postgres":
                assert step.where == "db:primary"


def test_only_faults_that_a_platform_knows_are_drawn() -> None:
    openbsd = topology(platform="openbsd")
    assert ("process-hang", "lb:active") in {(each.fault, each.target) for each in candidates(openbsd)}
    for steps in drawn(openbsd):
        for step in steps:
            if step.action and step.where and step.where.startswith("lb"):
                faults.check_fault(step.action, step.where, step.options, openbsd)


def test_a_sequence_as_an_incident_heals_and_asks_for_health() -> None:
    steps = (
        inject_step("power-loss", "db:primary", {}, "first"),
        sleep_step(2.34),
        inject_step("disk-error", "db:standby", {}, "second"),
    )

    def ends(steps: Steps) -> list[str | None]:
        played = as_incident(steps, "x", "It was drawn.", 1).steps
        return [step.ends or step.wait_for for step in played[len(steps) :]]

    assert ends(steps) == ["all", "healthy", "service"]
    assert as_incident(steps, "x", "It was drawn.", 1).steps[1].sleep == 2.3
    assert as_incident(steps, "x", "It was drawn.", 1).expect.allow_alarms == ["disk-error"]
    assert ends((*steps[:1], heal_step("first"))) == ["healthy", "service"]


def test_a_drain_is_undrained_and_a_hand_over_needs_no_end() -> None:
    drain, resign = inject_step("drain", "app:any", {}, "first"), inject_step("resign", "lb:active", {}, "second")
    freeze = inject_step("freeze", "lb:standby", {}, "third")
    assert in_force((drain, resign, freeze)) == [drain, freeze]
    assert [format_steps([ending_step(each)]) for each in (drain, freeze)] == ["undrain app:any", "heal third"]
    played = as_incident((drain, sleep_step(1), resign), "x", "It was drawn.", 1).steps
    assert [step.ends or step.wait_for for step in played[3:]] == ["app:any", "healthy", "service"]
    played = as_incident((drain, ending_step(drain), resign), "x", "It was drawn.", 1).steps
    assert [step.ends or step.wait_for for step in played[3:]] == ["healthy", "service"]
    assert tidy_steps((ending_step(drain), drain, ending_step(drain))) == (drain, ending_step(drain))


def test_the_title_of_an_incident_is_one_short_line() -> None:
    first, second = inject_step("freeze", "lb:active", {}, "first"), inject_step("resign", "db:primary", {}, "second")
    assert sequence_title((first, sleep_step(2), second)) == "freeze at lb:active, then resign at db:primary"
    assert len(sequence_title([first] * 9)) == 80


def test_steps_are_tidied() -> None:
    first, second = inject_step("freeze", "lb:active", {}, "first"), inject_step("reboot", "db:primary", {}, "second")
    untidy = (
        sleep_step(3),
        heal_step("first"),
        first,
        sleep_step(1),
        sleep_step(2.5),
        second,
        heal_step("second"),
        heal_step("second"),
    )
    assert tidy_steps(untidy) == (first, sleep_step(3.5), second, heal_step("second"))
    assert remove_steps((first, sleep_step(1), second, sleep_step(2), heal_step("first")), {0}) == (
        second,
        sleep_step(2),
    )
    assert format_steps((first, sleep_step(1), heal_step("first"))) == "freeze lb:active, 1s, heal first"
    assert brief(inject_step("loss", "db:primary", {"network": "backend", "share": "30%"}, "first")) == (
        "loss db:primary backend 30%"
    )


def test_an_incident_file_can_be_read_and_is_equal(tmp_path: Path, shipped: Topology) -> None:
    store = HuntStore.create(tmp_path / "a", HuntSettings(seed=5, platform={"profile": "reference"}))
    for number in range(1, 60):
        steps = Generator(shipped).draw(5, number)
        text = f"\"{number}\": it said: 'no' # {{}} [{chr(233)}] \\ %"
        finding = HuntFinding(
            check="ownership", cause="c", text=text, number=number, steps=steps, incident=f"hunt-5-{number}.yaml"
        )
        path = incident_writer.write_incident(store, finding)
        incident = load(path, shipped, patterns=PATTERNS)
        assert incident == incident_writer.incident_of_finding(store, finding)
        assert steps_as_json(incident.steps[: len(steps)]) == steps_as_json(steps)
        assert incident.seed == 5 + number
        assert text in incident.why
