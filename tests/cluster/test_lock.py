"""The second terminal: while a run goes on, other commands change nothing, and the run notices nothing of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.cluster import Cluster
from testbed.cluster.lock import holders
from testbed.wait import wait_until

TESTBED = Path(sys.executable).with_name("testbed")
CALM = """
name: calm
title: Nothing breaks
why: nothing breaks, so no probe may see an outage
load: {users: 2}
steps: [{sleep: 25s}]
expect: {max_outage: {tcp: 2s, https: 4s, sql-write: 2s}}
"""
RESHAPING = """
name: reshaping
title: A third app node is needed
why: it needs a third app node, and comes while another run goes on
cluster: {scale: {app: 3}}
load: {users: 2}
steps: [{sleep: 1s}]
"""


def second_terminal(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TESTBED, *arguments], capture_output=True, text=True, check=False, timeout=120)


def test_a_run_notices_nothing_of_commands_in_a_second_terminal(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "calm.yaml").write_text(CALM)
    (tmp_path / "reshaping.yaml").write_text(RESHAPING)
    before = {machine.name: machine.started_at() for machine in cluster.fleet.machines()}
    with subprocess.Popen(
        [TESTBED, "run", tmp_path / "calm.yaml"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as first:
        try:
            assert first.stderr
            while "steady" not in (line := first.stderr.readline()):
                assert line, "the run ended before its steady state"
            for arguments in (
                ["run", str(tmp_path / "reshaping.yaml")], ["load", "--users", "2", "--for", "5s"],
                ["heal"], ["down"], ["fault", "power-loss", "app-1"], ["up", "--scale", "app=3"],
                ["pool", "drain", "webmail", "app-1"],
            ):  # fmt: skip
                refused = second_terminal(*arguments)
                assert refused.returncode == 2, (arguments, refused.stderr)
                assert f"(process {first.pid}, since " in refused.stderr, (arguments, refused.stderr)
                assert len(refused.stderr.strip().splitlines()) == 1
            output, wrong = first.communicate(timeout=240)
        finally:
            first.kill()
    assert first.returncode == 0, output + wrong
    assert {machine.name: machine.started_at() for machine in cluster.fleet.machines()} == before
    assert cluster.ledger.entries() == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_load_goes_on_beside_a_fault_by_hand_and_frees_the_cluster_when_it_is_killed(
    cluster: Cluster, how: signal.Signals
) -> None:
    with subprocess.Popen([TESTBED, "load", "--users", "2", "--for", "200s"], stderr=subprocess.DEVNULL) as load:
        try:
            wait_until(lambda: any(each.pid == load.pid for each in holders(cluster.settings)), 60, "the load to begin")
            assert second_terminal("fault", "process-kill", "app-1", "process=apache").returncode == 0
            assert second_terminal("heal").returncode == 0
            assert load.poll() is None
            refused = second_terminal("load", "--users", "1", "--for", "1s")
            assert refused.returncode == 2
            assert f"(process {load.pid}, since " in refused.stderr
            load.send_signal(how)
            load.wait(60)
        finally:
            load.kill()
    assert second_terminal("load", "--users", "1", "--for", "2s").returncode == 0
