"""Kinds of failure: what failed, without what differs from run to run; and those that are known."""

from __future__ import annotations

import pytest

from testbed.checks import Evidence, Status, Verdict
from testbed.checks.healthy import HEALTHY, REPAIRED
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.designs.drbd import drbd_remedies
from testbed.designs.remedy import ACTIONS, REJOIN, Remedy, RemedyAction
from testbed.hunt.failure_kinds import FailureKind, failure_kinds, kind_of
from testbed.hunt.known_failures import find_known_failure
from testbed.hunt.sequence import inject_step


@pytest.mark.parametrize(
    ("check", "text", "kind"),
    [
        (
            "ownership", "site-address held on lb1 and lb2 at once, for 2.31 s",
            "ownership: site-address held on lb and lb at once",
        ),
        ("ownership", "drbd-role Primary on db1 and db2 at once, to the end",
         "ownership: drbd-role Primary on db and db at once"),
        ("ownership", "split brain: db1 and db2 were both primary since they lost their connection, db2 stands alone",
         "ownership: split brain: db and db were both primary since they lost their connection, db stands alone"),
        ("ownership", "write 4fa31b-000123 was acknowledged by db2, which was not promoted after db1's last write",
         "ownership: write N was acknowledged by db, which was not promoted after db's last write"),
        ("durability", "4fa31b-000123 was acknowledged, and is not there",
         "durability: N was acknowledged, and is not there"),
        ("durability", ("the table of writes cannot be read back, tried for 90 s: connection refused; 84 writes were "
         "acknowledged"), "durability: the table of writes cannot be read back"),
        ("stickiness", "session 7a31 went from app-1 to app-2 without a cause",
         "stickiness: session N went from app to app without a cause"),
        ("alarms", "db2: postgres-panic: 2026-11-30 04:00:01 UTC [12] PANIC:  could not write",
         "alarms: postgres-panic in the log of db"),
        ("phases", ("database from db1 to db2 after power-loss on db1: address claimed +3.10 s; service did not come "
         "back for sql-write, webmail."), "phases: service did not come back for the database"),
        ("phases", ("database from db1 to db2 without a fault: drbd primary +1.00 s; out of order: mounted (+1.20 s) "
         "before drbd primary (+2.00 s)."), "phases: out of order: mounted"),
        ("steps", ("step 7 (wait for healthy, 150s at most): waited 150 s for a healthy cluster; last seen: "
         "app-1: webmail does not run; db2 holds the database's address but does not serve; db1: DRBD is gone"),
         "healthy: db holds the database's address but does not serve"),
        ("run", "the run broke: waited 9 s for a healthy cluster; last seen: db1: DRBD is WFConnection UpToDate",
         "healthy: db: DRBD is WFConnection UpToDate"),
        ("steps", ("step 7 (wait for healthy): split brain: both database nodes were written to, and DRBD "
         "keeps them apart"),
         "healthy: split brain: both database nodes were written to, and DRBD keeps them apart"),
        ("run", "the run broke: db1 went off: event=vm-off 12", "healthy: db went off"),
        ("phases", "site from lb1 to lb2 without a fault: it stood still; service did not come back for webmail.",
         "phases: service did not come back for the webmail"),
        ("steps", ("step 8 (wait for service, stable for 2s): waited 60 s for 'service'; last seen: 3 users logged in; "
         "https: status 503; sql-write: good 0.1 s ago; tcp: good 0.0 s ago; webmail: timed out; site-address: lb1"),
         "served: no answer from the site"),
        ("healthy", ("testbed repaired the cluster: app-1: webmail does not run; db1: DRBD is WFConnection "
         "UpToDate/DUnknown: db1: DRBD drops its connection and connects again"),
         "healthy: db: DRBD is WFConnection UpToDate/DUnknown"),
        ("healthy", "testbed repaired the cluster: db2 was off: started", "healthy: db was off: started"),
        ("healthy", "the cluster does not become healthy: db1: DRBD is WFConnection UpToDate/DUnknown",
         "healthy: db: DRBD is WFConnection UpToDate/DUnknown"),
        ("healthy", "db2 went off: QEMU failed 12; `testbed logs db2` shows more", "healthy: db went off"),
        ("run", ("the run broke: the cluster does not become healthy: db1: DRBD is WFConnection; `testbed logs NODE` "
         "shows what a node wrote"), "healthy: db: DRBD is WFConnection"),
        ("run", "the run broke: db1: DRBD does not take the disk back: error 127: x",
         "run: db: DRBD does not take the disk back: error N: x"),
    ],
)  # fmt: skip
def test_a_failure_without_what_differs_from_run_to_run(check: str, text: str, kind: str) -> None:
    assert str(kind_of(check, text)) == kind


def test_each_cause_of_a_check_is_a_kind_and_what_is_in_doubt_is_none() -> None:
    findings = VerdictBuilder()
    findings.fail("site-address held on lb1 and lb2 at once, for 1.00 s")
    findings.fail("site-address held on lb1 and lb2 at once, for 2.00 s")
    findings.fail("drbd-role Primary on db1 and db2 at once, for 3.00 s")
    findings.note("lb1 stands alone")
    found = failure_kinds(
        [
            findings.verdict("ownership"),
            Verdict("durability", Status.UNKNOWN, "not read back"),
            Verdict("alarms", Status.PASS, "0 alarms"),
            Verdict("run", Status.FAIL, "the run broke: no", (Evidence("no", 1.0),)),
        ]
    )
    assert [str(kind) for kind in found] == [
        "ownership: site-address held on lb and lb at once",
        "ownership: drbd-role Primary on db and db at once",
        "run: no",
    ]
    assert next(iter(found.values())).endswith("for 1.00 s")


@pytest.mark.parametrize("action", [*ACTIONS, *drbd_remedies.ACTIONS])
def test_a_repair_is_a_kind_by_what_was_wrong_and_not_by_the_remedy(action: RemedyAction) -> None:
    text = f"{REPAIRED}db2: takes no part in CARP: {Remedy('db1', action)}"
    assert str(kind_of(HEALTHY, text)) == "healthy: db: takes no part in CARP"


def test_a_repair_is_no_second_failure_of_a_cluster_that_did_not_become_healthy() -> None:
    step = "step 7 (wait for healthy): waited 9 s for a healthy cluster; last seen: db2 does not answer"
    repair = f"{REPAIRED}db2: takes no part in CARP: {Remedy('db2', REJOIN)}"
    failed = [Verdict("steps", Status.FAIL, step), Verdict(HEALTHY, Status.FAIL, repair)]
    assert [str(kind) for kind in failure_kinds(failed)] == ["healthy: db does not answer"]
    assert [str(kind) for kind in failure_kinds(failed[1:])] == ["healthy: db: takes no part in CARP"]


def test_a_known_failure_is_known_of_its_profile_and_after_its_faults_alone() -> None:
    kind = FailureKind("ownership", "site-address held on lb and lb at once")
    cut = [inject_step("silent-cut", "lb:active", {"network": "public"}, "first")]
    other = [inject_step("power-loss", "db:primary", {}, "first"), inject_step("drain", "app:any", {}, "second")]
    assert find_known_failure(kind, cut, "reference") is not None
    assert find_known_failure(kind, other, "reference") is None
    assert (
        find_known_failure(FailureKind("ownership", "database-address held on db and db at once"), other, "hardened")
        is None
    )
    assert (
        find_known_failure(FailureKind("durability", "N was acknowledged, and is not there"), other, "hardened") is None
    )
    hung = [inject_step("process-hang", "lb:active", {"process": "ucarp"}, "first")]
    assert find_known_failure(kind, hung, "hardened") is not None
    assert (
        find_known_failure(kind, [inject_step("process-hang", "lb:active", {"process": "apache"}, "a")], "hardened")
        is None
    )


@pytest.mark.parametrize("profile", ["reference", "hardened"])
def test_a_power_loss_is_no_loss_of_packets(profile: str) -> None:
    kind = FailureKind("ownership", "site-address held on lb and lb at once")
    assert find_known_failure(kind, [inject_step("power-loss", "lb:active", {}, "first")], profile) is None
    assert find_known_failure(kind, [inject_step("loss", "lb:active", {"percent": "60"}, "first")], profile) is not None


def test_a_session_that_a_killed_php_process_lost_is_known() -> None:
    steps = [inject_step("process-kill", "app:any", {"process": "php-worker"}, "first")]
    kind = kind_of("stickiness", "session 7a31 was lost, although its node was reachable")
    assert find_known_failure(kind, steps, "reference") is not None


def test_split_brain_is_one_failure_in_all_its_forms() -> None:
    steps = [inject_step("freeze", "db:primary", {}, "first")]
    forms = [
        kind_of(
            "ownership", "split brain: db1 and db2 were both primary since they lost their connection, db1 stands alone"
        ),
        kind_of("steps", "step 3 (wait): split brain: both database nodes were written to, and DRBD keeps"),
        kind_of("alarms", "db1: drbd-split-brain: Split-Brain detected but unresolved"),
    ]
    assert {entry.title for kind in forms if (entry := find_known_failure(kind, steps, "reference"))} == {
        "Split brain: both copies were written to"
    }
    assert forms[1].check == HEALTHY


UNHEALTHY = "step 9 (wait for healthy, 120s at most): waited 120 s for a healthy cluster; last seen: "
LOST_WRITES = "the database's filesystem has lost writes to I/O errors since it was mounted"
DISKLESS_STEPS = [
    inject_step("disk-error", "db:primary", {}, "disk"),
    inject_step("power-loss", "db:standby", {}, "peer"),
]


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("steps", f"{UNHEALTHY}db1 holds the database's address but does not serve; db1: {LOST_WRITES}"),
        ("steps", f"{UNHEALTHY}db1: {LOST_WRITES}"),
        ("phases", "database from db1 to db2 without a fault: it stood still; service did not come back for sql-read."),
        ("alarms", "db1: postgres-panic: PANIC:  could not fdatasync file"),
        ("alarms", "db1: postgres-crash: server process (PID 1104) was terminated"),
        ("alarms", "db1: filesystem-error: kernel: Aborting journal on device"),
    ],
)
def test_a_diskless_primary_that_loses_its_peer_is_known_of_the_reference(check: str, text: str) -> None:
    kind = kind_of(check, text)
    entry = find_known_failure(kind, DISKLESS_STEPS, "reference")
    assert entry is not None
    assert entry.shown_by == ("database-diskless-alone",)
    disk, peer = DISKLESS_STEPS
    assert find_known_failure(kind, [disk], "reference") is None
    assert find_known_failure(kind, [peer, inject_step("freeze", "db:primary", {}, "x")], "reference") is None
    assert find_known_failure(kind, [disk, inject_step("drain", "app:any", {}, "x")], "reference") is None
    assert find_known_failure(kind, [disk, inject_step("disk-error", "db:standby", {}, "x")], "reference") is entry
    assert find_known_failure(kind, DISKLESS_STEPS, "hardened") is None


def test_a_stale_copy_that_returns_first_is_known_of_the_reference() -> None:
    steps = [
        inject_step("power-loss", "db:primary", {}, "first"),
        inject_step("power-loss", "db:primary", {}, "second"),
    ]
    for kind in (
        kind_of("durability", "3869353ed190-000199 was acknowledged, and is not there"),
        kind_of(
            "ownership", "split brain: db1 and db2 were both primary since they lost their connection, db2 stands alone"
        ),
    ):
        entry = find_known_failure(kind, steps, "reference")
        assert entry is not None
        assert "stale-copy-first" in entry.shown_by
        assert find_known_failure(kind, steps, "hardened") is None
