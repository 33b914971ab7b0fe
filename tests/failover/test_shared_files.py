"""The shared files through a failover of the database: what is stored, and what an open file's user sees of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from echo import Echo
from testbed import faults
from testbed.cluster import Cluster
from testbed.machines import Machine
from testbed.wait import elapse, wait_until

SHARED = "/srv/shared"
SECONDS = 30
# Less than the bound a call waits for the server (SHARED_WAIT_SECONDS), more than any failover took.
LONGEST_WAIT_SECONDS = 45.0

# Appends numbered lines to a file that stays open, each made durable before the next, and reads the first one back
# through a file of its own; prints how long the slowest of each took. The numbers read back are the acknowledged ones.
OPEN_FILE = """
import json, os, sys, time
path, end = sys.argv[1], time.monotonic() + float(sys.argv[2])
writer, reader = os.open(path, os.O_CREAT | os.O_RDWR | os.O_EXCL), os.open(path, os.O_RDONLY)
report = {"written": 0, "slowest_write": 0.0, "slowest_read": 0.0, "errors": []}
def timed(name, call):
    started = time.monotonic()
    try:
        call()
    except OSError as error:
        report["errors"].append(str(error))
    report[name] = max(report[name], round(time.monotonic() - started, 2))
def write():
    os.write(writer, b"%07d\\n" % report["written"])
    os.fsync(writer)
    report["written"] += 1
def read():
    os.posix_fadvise(reader, 0, 0, os.POSIX_FADV_DONTNEED)
    assert os.pread(reader, 8, 0) == b"0000000\\n"
while time.monotonic() < end:
    timed("slowest_write", write)
    timed("slowest_read", read)
print(json.dumps(report))
"""


def run(machine: Machine, script: str, *arguments: str, seconds: float = 60) -> str:
    result = machine.exec(["sh", "-c", script, "sh", *arguments], timeout=seconds)
    assert result.status == 0, result.stderr
    return result.stdout.strip()


def clean(machine: Machine) -> None:
    run(machine, f"rm -f {SHARED}/test-*")


def use_open_file(machine: Machine) -> dict[str, Any]:
    command = ["python3", "-c", OPEN_FILE, f"{SHARED}/test-open", str(SECONDS)]
    result = machine.exec(command, timeout=SECONDS + 90)
    assert result.status == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_what_one_app_node_stores_the_other_has(cluster: Cluster) -> None:
    one, other = cluster.machine("app-1"), cluster.machine("app-2")
    clean(one)
    run(one, f"cd {SHARED} && mkdir -p test-d && echo words >test-d/a && mv test-d/a test-d/b && ln -s b test-d/c")
    run(one, f"cd {SHARED} && chmod 640 test-d/b && chown www-data test-d/b && touch -d @1136073600 test-d/b")
    wait_until(lambda: run(other, f"ls {SHARED}/test-d") == "b\nc", 5, "the other node to see it")
    assert run(other, f"cat {SHARED}/test-d/c") == "words"
    assert run(other, f"stat -c '%a %U %Y %s' {SHARED}/test-d/b") == "640 www-data 1136073600 6"
    run(other, f"echo more >>{SHARED}/test-d/b && truncate -s 8 {SHARED}/test-d/b && rm {SHARED}/test-d/c")
    wait_until(lambda: run(one, f"ls {SHARED}/test-d") == "b", 5, "this node to see it")
    # A size is up to a second old on another node (docs/contract.md).
    wait_until(lambda: run(one, f"cat {SHARED}/test-d/b") == "words\nmo", 5, "this node to see its new size")
    run(one, f"rm -r {SHARED}/test-d")
    assert "test-d" not in run(other, f"ls {SHARED}")


def test_only_what_mounts_them_has_the_right_to_mount(cluster: Cluster) -> None:
    bounding = int(run(cluster.machine("app-1"), "grep ^CapBnd /proc/$(pidof -s apache2)/status").split()[1], 16)
    assert not bounding & 1 << 21, "Apache has CAP_SYS_ADMIN in its reach"


def test_an_upload_and_an_open_file_survive_a_power_loss_of_the_database(cluster: Cluster, echo: Echo) -> None:
    one, other = cluster.machine("app-1"), cluster.machine("app-2")
    clean(one)
    upload = f"{SHARED}/test-upload"
    store = f"dd if=/dev/urandom of={upload} bs=128k count=16 status=none && sha256sum <{upload}"
    sum_before = run(one, store, seconds=120)
    with ThreadPoolExecutor() as pool:
        using = pool.submit(use_open_file, one)
        elapse(4)
        faults.inject(cluster.fleet, cluster.ledger, "power-loss", "db:primary")
        report = using.result()
    echo(f"slowest write and fsync {report['slowest_write']} s, slowest read {report['slowest_read']} s")
    assert report["errors"] == []
    assert max(report["slowest_write"], report["slowest_read"]) < LONGEST_WAIT_SECONDS
    # From another node and from the server's disk: neither node's memory has it.
    lines = run(other, f"cat {SHARED}/test-open").split()
    assert lines == [f"{number:07}" for number in range(report["written"])]
    assert run(other, f"sha256sum <{upload}", seconds=120) == sum_before
    clean(one)
