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
from testbed.checks.expectations import Expectations
from testbed.cluster import Cluster
from testbed.cluster.shape import Shape
from testbed.errors import UsageError
from testbed.journal import Plan, parse
from testbed.scenarios.describe import describe
from testbed.scenarios.model import Scenario
from testbed.scenarios.runner import shaped

REASON = "nobody watches PostgreSQL"


def expectations() -> Expectations:
    return Expectations.model_validate(
        {
            "outage": {"tcp": "2s", "sql-write": "30s"},
            "stopped": ["sql-write"],
            "owner": {"site": "same", "database": "same"},
            "documented": {"outage": REASON},
            "hardened": {"outage": {"sql-write": "5s"}, "stopped": [], "owner": {"database": "peer"}},
        }
    )


def test_hardened_changes_key_by_key_and_excuses_nothing() -> None:
    hardened = expectations().under("hardened")
    assert hardened.outage == {"tcp": 2, "sql-write": 5}
    assert hardened.stopped == []
    assert hardened.owner == {"site": "same", "database": "peer"}
    assert hardened.documented == {}
    assert expectations().under("reference") == expectations()


def test_what_hardened_does_not_say_survives_the_journal_unsaid() -> None:
    again = Expectations.model_validate(json.loads(expectations().model_dump_json(by_alias=True)))
    assert again.changed == {"outage", "stopped", "owner"}
    assert again.under("hardened") == expectations().under("hardened")


def judged(folder: Path, platform: dict[str, str]) -> dict[str, Verdict]:
    """A run that left a core behind, which is documented, on a cluster of this platform."""
    write(folder / "journal.jsonl", lines(Story()))
    run: list[dict[str, Any]] = [json.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    for line in run:
        if line["kind"] == "plan":
            line["platform"] = platform
            line["scenario"]["expect"]["documented"] = {"leftovers": "cores are kept"}
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
    assert Plan("old", {}).profile == "reference"
    assert Plan("new", {}, platform={"profile": "hardened"}).profile == "hardened"


def incident(**cluster: object) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "some",
            "why": "because of profiles",
            "cluster": cluster,
            "timeline": [{"for": "1s"}],
            "expect": expectations().model_dump(mode="json", by_alias=True),
        }
    )


def test_an_incident_of_the_other_profile_is_refused() -> None:
    cluster = cast("Cluster", SimpleNamespace(topology=topology(), shape=Shape()))
    assert shaped(cluster, incident()) is cluster
    assert shaped(cluster, incident(profile="reference")) is cluster
    with pytest.raises(UsageError) as refused:
        shaped(cluster, incident(profile="hardened"))
    assert "some is played under the profile hardened, and this cluster is reference" in str(refused.value)
    assert "`testbed up --overlay hardened`" in str(refused.value)


def test_the_description_tells_both() -> None:
    text = describe(incident(), {"tcp": 0.02})
    for line in (
        f"known to fail under reference: outage. {REASON}",
        "hardened: sql-write sees no outage longer than 5s",
        "hardened: in the end the database's address is held by the peer of who held it before",
        "not asked for under hardened: service stops, from the last fault until a heal: sql-write",
    ):
        assert line in text
    assert "hardened: tcp" not in text
    assert "not asked for under hardened: sql-write" not in text
    assert "the profile hardened, and no other" in describe(incident(profile="hardened"), {})
