"""Broken incident files: each mistake is one line, with line, column and mend, and nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_topology import CLUSTER, merged

from testbed.errors import UsageError
from testbed.scenarios import load
from testbed.topology import Topology, resolve

SOUND = """\
name: sound
why: it shows that the rest is sound
load: {users: 6}
probes: {https: 20ms}
timeline:
  - {at: 3s, fault: power-loss, target: "db:primary", as: dead}
  - {when: served, for: 3s, within: 45s}
  - {at: 60s, heal: dead}
  - {when: healthy, within: 120s}
expect:
  outage: {sql-write: 30s}
  felt: [sql-write]
  owner: {site: same, database: peer}
  rejoin: 120s
"""

# What is replaced in the sound file, by what, and what is told.
FORM = {
    "syntax": (
        "probes: {https: 20ms}",
        "probes: {https: 20ms",
        "5:9: while parsing a flow mapping",
        "fix the YAML",
    ),
    "tab": ("load: {users: 6}", "load:\n\tusers: 6", "4:1: ", "fix the YAML"),
    "control character": ("it shows", "it \x07shows", "2:9: character '\\x07' is not allowed", "UTF-8"),
    "duplicate key": ("probes:", "name: twice\nprobes:", "4:1: key 'name' stands here twice, first on line 1", "keep"),
    "duplicate inside": ("as: dead", "at: 4s", "6:55: key 'at' stands here twice, first on line 6", "keep one"),
    "odd key": ("probes: {https", "probes: {[https]", "4:10: a key must be one word", "write `key: value`"),
    "recursion": ("load: {users: 6}", "load: &a {users: *a}", "3:7: an alias repeats", "write it out"),
    "undefined alias": ("users: 6", "users: *many", "3:15: found undefined alias 'many'", "fix the YAML"),
    "unknown key": ("load:", "laod:", "3:1: unknown key 'laod'", "did you mean 'load'?"),
    "unknown key below": ("users: 6", "user: 6", "3:8: unknown key 'user'", "did you mean 'users'?"),
    "unknown key of step": ("within: 45s", "witin: 45s", "7:29: unknown key 'witin'", "did you mean 'within'?"),
    "unknown expectation": ("rejoin:", "rejion:", "14:3: unknown key 'rejion'", "did you mean 'rejoin'?"),
    "missing": ("name: sound\n", "", "1:1: key 'name' is missing", "what runs of it are called"),
    "no steps": (SOUND[SOUND.index("timeline:") : SOUND.index("expect:")], "timeline: []\n", "5:11: ", "in order"),
    "no unit": ("30s", "30", "11:23: '30' is no duration", "write a number with its unit, as 200ms, 30s or 2m"),
    "wrong unit": ("at: 3s", "at: 3h", "6:10: '3h' is no duration", "as 200ms, 30s or 2m"),
    "unknown probe": ("sql-write: 30s", "sql-wirte: 30s", "11:12: 'sql-wirte' is not known", "mean 'sql-write'?"),
    "unknown probe in list": ("felt: [sql-write]", "felt: [http]", "12:10: 'http' is not known", "mean 'https'?"),
    "unknown condition": ("when: served", "when: serving", "7:12: 'serving' is not known", "did you mean 'served'?"),
    "unknown owner": ("database: peer", "database: other", "13:33: 'other' is not known here", "known are same, peer"),
    "not a number": ("users: 6", "users: some", "3:15: users must be a whole number, not 'some'", "how many"),
    "too many": ("users: 6", "users: 600", "3:15: users: input should be less than or equal to 60", "how many"),
    "no mapping": ("load: {users: 6}", "load: 6", "3:7: load holds keys, not '6'", "docs/incidents.md"),
    "empty block": ("load: {users: 6}", "load:", "3:1: load holds keys, not nothing", "docs/incidents.md"),
    "no list": ("felt: [sql-write]", "felt: sql-write", "12:9: felt must be a list, not 'sql-write'", "[one, other]"),
    "empty entry": ("felt: [sql-write]", "felt: [~]", "12:10: '~' is not known", "known are tcp"),
    "bad name": ("name: sound", "name: Not Sound", "1:7: 'Not Sound' cannot be a name", "small letters"),
    "short why": ("it shows that the rest is sound", "so", "2:6: why: string should have at least 10", "for people"),
    "no action": ("{users: 6}", "{users: 6, actions: {raed: 1}}", "3:28: 'raed' is not known", "mean 'read'?"),
}
ORDER = {
    "at backwards": ("at: 60s", "at: 5s", "8:10: at goes backwards: the steps above are not done before 6s", "order"),
    "never injected": ("heal: dead", "heal: daed", "8:21: no fault above is called 'daed'", "there are dead, all"),
    "healed twice": (
        "  - {when: healthy, within: 120s}", "  - {heal: dead}", "9:12: 'dead' is healed already, in step 3", "remove",
    ),
    "healed before": ("as: dead", "as: late", "8:21: no fault above is called 'dead'", "there are late, all"),
    "all twice": ("heal: dead}", "heal: all}\n  - {heal: all}", "9:12: nothing is left to heal", "remove the step"),
    "name twice": (
        "  - {when: served, for: 3s, within: 45s}", '  - {fault: resign, target: "lb:active", as: dead}',
        "7:46: step 1 already calls its fault 'dead'", "give each its own name",
    ),
    "name all": ("as: dead", "as: all", "6:59: all means every fault", "something else"),
    "within without when": ("at: 60s, heal", "within: 6s, heal", "8:6: within belongs to a step with when", "add when"),
    "target without fault": ("{when: healthy", "{target: db1, when: healthy", "9:6: target belongs to a step", "fault"),
    "probes of instant": ("{when: healthy", "{probes: [tcp], when: healthy", "9:6: healthy does not depend", "served"),
    "for of instant": ("within: 120s", "for: 3s", "9:21: healthy is an instant", "a step of its own"),
    "for too long": ("for: 3s, within", "for: 50s, within", "7:25: it must hold for 50s and come within 45s", "longer"),
    "for of fault": ("as: dead}", "for: 3s}", "6:55: a fault takes no time of its own", "a step of its own"),
    "no time": ("{at: 60s, heal: dead}", "{for: 0s}", "8:11: 0s is no time", "write how long"),
    "nothing": ("at: 60s, heal: dead", "at: 60s", "8:5: this step does nothing", "one of fault, heal, when, for"),
    "two things": ("heal: dead", "heal: dead, when: served", "8:27: this step has both heal and when", "two steps"),
    "no target": (', target: "db:primary"', "", "6:21: nothing says where", "such as db:primary"),
    "takeover first": (
        "timeline:\n", "timeline:\n  - {when: taken-over}\n", "6:12: taken-over cannot come", "inject a fault first",
    ),
    "no users to serve": ("users: 6", "users: 0", "7:12: everyone-served cannot come: the load has no users", "some"),
    "steady": ("probes:", "steady: {for: 9s, within: 5s}\nprobes:", "4:27: the steady state could never", "longer"),
}  # fmt: skip
MEASURED = {
    "too often": ("https: 20ms", "https: 1ms", "4:17: no probe can be sent that often", "use 5ms to 60s"),
    "finer than probed": ("sql-write: 30s", "sql-write: 10ms", "11:23: sql-write is sent each 100ms", "at least 100ms"),
    "return, finer": (
        "rejoin",
        "return: {sql-write: 9ms}\n  rejoin",
        "14:23: sql-write is sent each 100ms",
        "at least",
    ),
    "felt and no outage": ("sql-write: 30s", "sql-write: 0s", "12:10: sql-write cannot be felt and have no", "remove"),
    "doomed, no users": (
        "rejoin",
        "doomed: true\n  rejoin",
        "14:3: nothing measures doomed: the",
        "load.users",
    ),
    "logins, no users": ("rejoin", "logins-failed: 0\n  rejoin", "14:3: nothing measures logins-failed", "load.users"),
    "unasked": ("rejoin", "documented: {isolation: so}\n  rejoin", "14:16: isolation cannot fail", "expect it too"),
    "hardened, no users": ("rejoin", "hardened: {doomed: true}\n  rejoin", "14:14: nothing measures doomed", "users"),
    "finer under hardened": (
        "rejoin",
        "hardened: {outage: {sql-write: 9ms}}\n  rejoin",
        "14:34: sql-write is sent each 100ms",
        "100ms",
    ),
    "excused under hardened": (
        "expect:\n",
        "cluster: {profile: hardened}\nexpect:\n  documented: {alarms: so}\n",
        "12:3: nothing is excused under hardened",
        "remove it",
    ),
    "hardened of reference alone": (
        "expect:\n",
        "cluster: {profile: reference}\nexpect:\n  hardened: {alarms: []}\n",
        "12:3: nothing differs under hardened: it is played under reference alone",
        "remove cluster.profile",
    ),
    "no reason": ("rejoin", "documented: {outage: ' '}\n  rejoin", "14:24: outage is documented without", "write why"),
}
FITTING = {
    "unknown fault": ("fault: power-loss", "fault: powerloss", "6:21: no fault 'powerloss'", "mean 'power-loss'?"),
    "unknown node": ('"db:primary"', "db3", "6:41: no node 'db3'", "app-1, app-2"),
    "unscaled node": ('"db:primary"', "app", "6:41: no node 'app'", "app-1, app-2"),
    "node beyond scale": ('"db:primary"', "app-3", "6:41: no node 'app-3'", "app-1, app-2"),
    "unknown role": ('"db:primary"', '"web:any"', "6:41: 'web:any': no role 'web'", "the roles are"),
    "unknown state": ('"db:primary"', '"db:active"', "6:41: 'db:active': db knows no state", "db:primary"),
    "option it has not": (
        "as: dead", "options: {network: backend}", "6:65: power-loss has no option 'network'", "the options",
    ),
    "not its network": (
        'power-loss, target: "db:primary", as', "cable-pull, target: db1, options: {network: public}, as",
        "6:65: db1 is not on 'public'", "its networks are backend, replication",
    ),
    "not the role's network": (
        'power-loss, target: "db:primary", as', 'cable-pull, target: "app:any", options: {network: replication}, as',
        "6:71: app is not on 'replication'", "its networks are backend",
    ),
    "off already": (
        '"db:primary", as: dead}\n', "db1, as: dead}\n  - {fault: reboot, target: db1}\n",
        "7:29: db1 is off or frozen since step 1", "heal it first",
    ),
    "healthy while off": (
        '"db:primary", as: dead}\n', "db1, as: dead}\n  - {when: healthy}\n",
        "7:12: healthy cannot come: db1 is off", "heal it first",
    ),
    "healthy while some primary is off": (
        "as: dead}\n", "as: dead}\n  - {when: healthy}\n", "7:12: healthy cannot come: db:primary is", "heal it",
    ),
    "no peer": (
        '"db:primary", as: dead}\n', "app-1, as: dead}\n  - {when: taken-over}\n",
        "7:12: taken-over cannot come: app-1 has no peer", "served",
    ),
    "cannot be scaled": ("load:", "cluster: {scale: {db1: 3}}\nload:", "3:19: 'db1' cannot be", "what can is app"),
    "overlay": ("load:", "cluster: {overlays: [openbds]}\nload:", "3:22: no overlay 'openbds'", "mean 'openbsd'?"),
    "alarm": ("rejoin", "alarms: [carsh]\n  rejoin", "14:12: nothing looks for 'carsh'", "did you mean 'crash'?"),
}  # fmt: skip
WITHOUT_FAULT = {
    "felt": ("felt: [tcp]", "5:3: nothing measures felt: the timeline has no fault", "inject one"),
    "stopped": ("stopped: [tcp]", "5:3: nothing measures stopped: the timeline has no fault", "inject one"),
    "doomed": ("doomed: true", "5:3: nothing measures doomed: the timeline has no fault", "inject one"),
    "owner": ("owner: {site: peer}", "5:17: no fault moves the address to its peer", "write same"),
    "rejoin": ("rejoin: 30s", "5:3: nothing measures rejoin: the timeline heals nothing", "add a step `heal: all`"),
    "return": (
        "return: {tcp: 2s}",
        "5:3: nothing measures return: the timeline heals nothing",
        "add a step `heal: all`",
    ),
}


@pytest.fixture(scope="module")
def topology() -> Topology:
    return resolve(merged(), [CLUSTER])


def refused(path: Path, text: str, topology: Topology | None) -> str:
    """What is told of a file, without its name."""
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(path, topology, patterns={"crash", "corruption"}, overlays={"openbsd", "kvm"})
    message = str(caught.value)
    assert caught.value.exit_status == 2
    assert "\n" not in message
    assert message.startswith(f"{path}:")
    return message.removeprefix(f"{path}:")


def test_the_sound_file_is_sound(tmp_path: Path, topology: Topology) -> None:
    (tmp_path / "sound.yaml").write_text(SOUND)
    assert load(tmp_path / "sound.yaml", topology).name == "sound"


def test_a_scaled_cluster_has_more_nodes(tmp_path: Path, topology: Topology) -> None:
    path = tmp_path / "scaled.yaml"
    path.write_text(SOUND.replace('"db:primary"', "app-3"))
    assert load(path, topology, scale={"app": 3}).timeline[0].target == "app-3"
    path.write_text(SOUND.replace('"db:primary"', "app-3").replace("load:", "cluster: {scale: {app: 3}}\nload:"))
    assert load(path, topology).timeline[0].target == "app-3"


@pytest.mark.parametrize("case", [*FORM, *ORDER, *MEASURED])
def test_mistake_is_told_with_place_and_mend(tmp_path: Path, case: str) -> None:
    old, new, told, mend = {**FORM, **ORDER, **MEASURED}[case]
    assert old in SOUND
    text = SOUND.replace(old, new, 1)
    if case.endswith("no users"):
        text = text.replace("users: 6", "users: 0")
    if case == "no users to serve":
        text = text.replace("when: served, for: 3s", "when: everyone-served")
    message = refused(tmp_path / "broken.yaml", text, None)
    assert message.startswith(told)
    assert mend in message


@pytest.mark.parametrize("case", FITTING)
def test_what_does_not_fit_the_cluster_is_told(tmp_path: Path, topology: Topology, case: str) -> None:
    old, new, told, mend = FITTING[case]
    assert old in SOUND
    message = refused(tmp_path / "broken.yaml", SOUND.replace(old, new, 1), topology)
    assert message.startswith(told)
    assert mend in message


@pytest.mark.parametrize("case", WITHOUT_FAULT)
def test_expectations_need_what_they_measure(tmp_path: Path, case: str) -> None:
    expectation, told, mend = WITHOUT_FAULT[case]
    text = f"name: quiet\nwhy: nothing happens in it\ntimeline: [{{for: 3s}}]\nexpect:\n  {expectation}\n"
    message = refused(tmp_path / "broken.yaml", text, None)
    assert message.startswith(told)
    assert mend in message


def test_the_first_mistake_in_the_file_is_told_first(tmp_path: Path) -> None:
    text = SOUND.replace("rejoin: 120s", "rejoin: 120").replace("users: 6", "users: 600")
    assert refused(tmp_path / "broken.yaml", text, None).startswith("3:15: ")


@pytest.mark.parametrize("text", ["", "just words\n", "- a list\n", "42\n"])
def test_what_is_no_mapping_is_no_incident(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path / "broken.yaml", text, None).startswith("1:1: an incident is a mapping of keys")


def test_a_file_nested_beyond_reason(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("[" * 20000)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert "1:13: it is nested more than 12 levels deep" in str(caught.value)


def test_two_documents_are_one_too_many(tmp_path: Path) -> None:
    assert refused(tmp_path / "broken.yaml", f"{SOUND}---\n{SOUND}", None).startswith("15:1: ")
