"""The balancers' shared programs on the Debian cluster: the very files that go into OpenBSD's site set run here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testbed.applications import pools
from testbed.balancers.apache.apache_member import members
from testbed.cluster import Cluster

ROOT = Path(__file__).parents[2]
SHARED = ("balancer-manager", "member-watch", "pool-decisions", "pool-discovery", "pool-member")


@pytest.mark.parametrize("name", SHARED)
def test_what_runs_here_is_what_openbsd_gets(cluster: Cluster, name: str) -> None:
    """And it needs no module that Debian's perl-base or OpenBSD's perl lacks: @INC is cut down to perl-base."""
    text = (ROOT / "images/lb/bin" / name).read_text()
    lb1 = cluster.machine("lb1")
    assert lb1.exec(["cat", f"/usr/local/bin/{name}"]).stdout == text
    base = "BEGIN { @INC = grep m{/perl-base$}, @INC; die unless @INC } "
    load = f"{base} $0 = q(/usr/local/bin/{name}); exit system $^X, q(-c), map(qq(-I$_), @INC), $0"
    result = lb1.exec(["perl", "-e", load])
    assert result.status == 0, result.stderr
    assert set(re.findall(r"^use ([A-Z]\S+)", text, re.MULTILINE)) <= {"Socket"}


def test_the_pool_is_found_again_as_it_is(cluster: Cluster) -> None:
    """A second pool discovery, with a file of its own, finds what the first has given to Apache."""
    script = (
        "set -e; mkdir -p /tmp/pool; export POOL_FOLDER=/tmp/pool;"
        "pool-discovery once; pool-discovery once; forget-member app-2; pool-discovery once;"
        "for pool in webmail wiki files.raw; do cmp /tmp/pool/$pool.conf /run/pool/$pool.conf; done; rm -r /tmp/pool"
    )
    result = cluster.machine("lb1").exec(["sh", "-c", script])
    assert result.status == 0, result.stderr
    # A pool is reported when it changes. A forgotten member is found again in the same check.
    lines = result.stdout.splitlines()
    assert len(lines) == len(pools(cluster.topology))
    assert re.fullmatch(r"event=pool-changed pool=webmail members=app-1:[\d.]+,app-2:[\d.]+", lines[0])
    assert re.fullmatch(r"event=pool-changed pool=wiki members=app-2:[\d.]+", lines[2])


def test_the_manager_shows_and_fails_as_it_must(cluster: Cluster) -> None:
    lb1 = cluster.machine("lb1")
    assert {each.name for each in members(lb1.exec(["balancer-manager"]).stdout)} == {"app-1", "app-2"}
    program = (ROOT / "images/lb/bin/balancer-manager").read_text()
    result = cluster.machine("client").exec(["perl", "-e", program])  # where no Apache is
    assert (result.status != 0, result.stdout) == (True, "")
    assert result.stderr.startswith("balancer-manager: ")
