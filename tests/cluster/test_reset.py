"""`testbed reset` brings a damaged cluster back to the state of a new one; its VMs continue from a saved state."""

from __future__ import annotations

import re
import subprocess
import time

import pytest

from echo import Echo
from testbed.cluster import Cluster
from testbed.faults.ledger import Ledger
from testbed.topology import Role

RESET = (".venv/bin/testbed", "reset", "--yes")
SECONDS = 120
ROWS = "setpriv --reuid postgres psql -qtAX probe -c \"select count(*) from pg_tables where tablename = 'dirt'\""


def dirty(cluster: Cluster) -> None:
    """Leave traces in the database, a session and a mailbox, and cut the standby's power."""
    state = cluster.state()
    primary = cluster.machine(str(state.primary_database))
    make = "setpriv --reuid postgres psql -qX probe -c 'create table dirt (row int)'"
    primary.exec(["sh", "-c", make]).check("the table is not made", primary.name)
    cluster.machine("app-1").exec(["touch", "/var/lib/dirt"]).check("no file", "app-1")
    cluster.machine("mail").exec(["touch", "/var/mail/dirt"]).check("no file", "mail")
    [standby] = [each for each in cluster.fleet.machines(Role.DATABASE) if each.name != primary.name]
    standby.kill()


def run_reset(cluster: Cluster, echo: Echo) -> str:
    """Reset the cluster; return what the command printed. The cluster is then healthy and pristine."""
    begin = time.monotonic()
    done = subprocess.run(
        RESET, cwd=cluster.settings.root, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    echo(f"reset took {time.monotonic() - begin:.1f} s")
    state = cluster.state()
    primary = cluster.machine(str(state.primary_database))
    assert primary.exec(["sh", "-c", ROWS]).check("psql failed", primary.name).strip() == "0"
    for node, file in (("app-1", "/var/lib/dirt"), ("mail", "/var/mail/dirt")):
        assert cluster.machine(node).exec(["test", "-e", file]).status == 1
    assert Ledger(cluster.settings.state_dir / "faults").entries() == []
    return done.stderr + done.stdout


@pytest.mark.parametrize("state", ["sound", "damaged"])
def test_a_reset_cluster_is_pristine_whatever_its_condition(cluster: Cluster, echo: Echo, state: str) -> None:
    if cluster.shape.accel != "tcg":
        pytest.skip("VMs that run with KVM boot")
    dirty(cluster)
    rams = list(cluster.settings.vm_states_dir.glob("*/ram"))
    assert rams
    if state == "damaged":
        for ram in rams:
            size = ram.stat().st_size
            ram.unlink()  # it is root's
            with ram.open("wb") as file:
                file.truncate(size)
    printed = run_reset(cluster, echo)
    if state == "sound":
        assert len(re.findall(r"db[12]: continued from the saved state", printed)) == 2
    else:
        assert "continued" not in printed
        assert len(re.findall(r"db[12]: booted, because its saved state cannot be used: ", printed)) >= 1
        assert re.search(r"db[12]: booted; its state is saved", printed)
