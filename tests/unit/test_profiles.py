"""Two profiles, one instrument: what is expected of each, and which clusters an incident is played on."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fakes import topology
from forging import Story, lines, write

from testbed.checks import Status, Verdict, judge
from testbed.checks.expectations import Expect, Profile, Profiles, merge_expectations
from testbed.cluster import Cluster
from testbed.cluster.shape import Shape
from testbed.errors import UsageError
from testbed.incidents.incident_model import Incident
from testbed.incidents.incident_text import describe
from testbed.incidents.runner import reshape_for_incident
from testbed.journal import RunPlan, parse

REASON = "nothing watches PostgreSQL"


EXPECT = {
    "max_outage": {"tcp": "2s", "sql-write": "30s"},
    "must_notice": ["sql-write"],
    "address_owner": {"site": "unchanged"},
    "allow_alarms": ["disk-error"],
}
PROFILES: dict[str, dict[str, Any]] = {
    "reference": {
        "no_service_until_heal": ["sql-write"],
        "address_owner": {"database": "unchanged"},
        "known_failures": {"outage": REASON},
    },
    "hardened": {"max_outage": {"sql-write": "5s"}, "address_owner": {"database": "moved"}, "allow_alarms": []},
}


def under(profile: str, profiles: Profiles | None = None) -> Profile:
    return merge_expectations(Expect.model_validate(EXPECT), profiles or Profiles.model_validate(PROFILES), profile)


def test_a_profile_replaces_key_by_key_and_of_a_mapping_only_the_entries_it_names() -> None:
    reference, hardened = under("reference"), under("hardened")
    assert reference.max_outage == {"tcp": 2, "sql-write": 30}
    assert reference.no_service_until_heal == ["sql-write"]
    assert reference.address_owner == {"site": "unchanged", "database": "unchanged"}
    assert reference.allow_alarms == ["disk-error"]
    assert reference.known_failures == {"outage": REASON}
    assert hardened.max_outage == {"tcp": 2, "sql-write": 5}
    assert hardened.no_service_until_heal == []
    assert hardened.address_owner == {"site": "unchanged", "database": "moved"}
    assert hardened.allow_alarms == []
    assert hardened.known_failures == {}
    assert reference.must_notice == hardened.must_notice == ["sql-write"]


def test_what_a_profile_leaves_out_survives_the_journal_left_out() -> None:
    again = Profiles.model_validate(json.loads(Profiles.model_validate(PROFILES).model_dump_json()))
    assert again["hardened"].model_fields_set == PROFILES["hardened"].keys()
    for profile in PROFILES:
        assert under(profile, again) == under(profile)


def judged(folder: Path, platform: dict[str, str]) -> dict[str, Verdict]:
    """A run that left a core behind, a known failure of the reference, on a cluster of this platform."""
    write(folder / "journal.jsonl", lines(Story()))
    run: list[dict[str, Any]] = [json.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    for line in run:
        if line["kind"] == "plan":
            line["platform"] = platform
            line["scenario"]["profiles"] = {"reference": {"known_failures": {"leftovers": "cores are kept"}}}
    end = {name: run[-1][name] for name in ("wall", "mono")}
    run.append({"kind": "leftover", "what": "core", "where": "db1", "detail": "/core", **end})
    return {verdict.check: verdict for verdict in judge(parse([json.dumps(line).encode() for line in run]))}


@pytest.mark.parametrize(
    ("platform", "excused"), [({}, True), ({"profile": "reference"}, True), ({"profile": "hardened"}, False)]
)
def test_a_known_hole_excuses_the_reference_alone(tmp_path: Path, platform: dict[str, str], *, excused: bool) -> None:
    leftovers = judged(tmp_path, platform)["leftovers"]
    assert leftovers.status is Status.FAIL
    assert leftovers.holds is excused


def test_a_journal_of_before_the_profiles_is_the_references() -> None:
    assert RunPlan("old", {}).profile == "reference"
    assert RunPlan("new", {}, platform={"profile": "hardened"}).profile == "hardened"


def incident(**cluster: object) -> Incident:
    return Incident.model_validate(
        {
            "name": "some",
            "title": "Profiles differ",
            "why": "because of profiles",
            "cluster": cluster,
            "steps": [{"sleep": "1s"}],
            "expect": EXPECT,
            "profiles": PROFILES,
        }
    )


def test_an_incident_of_the_other_profile_is_refused() -> None:
    cluster = cast("Cluster", SimpleNamespace(topology=topology(), shape=Shape()))
    assert reshape_for_incident(cluster, incident()) is cluster
    assert reshape_for_incident(cluster, incident(profile="reference")) is cluster
    with pytest.raises(UsageError) as refused:
        reshape_for_incident(cluster, incident(profile="hardened"))
    assert "some is played under the profile hardened, and this cluster is reference" in str(refused.value)
    assert "`testbed up --profile hardened`" in str(refused.value)


def test_the_description_has_both() -> None:
    text = " ".join(describe(incident(), {"tcp": 0.02}).split())
    for line in (
        f"with the profile reference, known failure of outage: {REASON}",
        "with the profile reference: no service from the last fault to the heal: sql-write",
        "with the profile hardened: sql-write sees no outage longer than 5s",
        "with the profile hardened: at the end the database address is held by the peer of its first holder",
        "with the profile hardened, not expected: these alarms may appear: disk-error",
    ):
        assert line in text
    assert "hardened: tcp" not in text
    assert "not expected: sql-write" not in text
    assert "the profile hardened, and no other" in describe(incident(profile="hardened"), {})
