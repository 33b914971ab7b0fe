"""The machine that figures were measured on, and the versions of what ran."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from testbed.cluster import Cluster
from testbed.designs.design_registry import design_of
from testbed.recorder.run_artifacts import collect_versions
from testbed.topology import Role

_ACCELERATION = {"kvm": "KVM", "tcg": "TCG (the processor is emulated)"}


def describe(cluster: Cluster) -> dict[str, str]:
    """Return labels and values: the processor, the memory, systems and versions.

    Args:
        cluster: a cluster that is up.
    """
    machines = cluster.fleet.machines()
    known = collect_versions(cluster, machines)
    host, own = known["host"], known["testbed"]
    found = {
        **describe_host(),
        "system": f"{host['system']}, Linux {host['kernel']}",
        "engine": f"Docker {host['docker']}, Compose {host['compose']}",
        "virtual machines": f"QEMU {known['qemu']}, {_ACCELERATION[cluster.shape.accel]}",
        "cluster": ", ".join(f"{key} {value}" for key, value in cluster.platform.items() if key != "accel"),
        "testbed": f"{own['version']} {own['commit']}".strip(),
    }
    for machine in cluster.fleet.machines(Role.DATABASE)[:1]:
        found["database guest"] = design_of(cluster.topology).versions(machine)
    return found


def describe_host() -> dict[str, str]:
    """Return labels and values of the computer alone: the processor, the memory and the kernel."""
    count = os.cpu_count() or 1
    return {
        "processor": f"{count} \N{MULTIPLICATION SIGN} {processor(Path('/proc/cpuinfo').read_text())}",
        "memory": memory(Path("/proc/meminfo").read_text()),
        "system": f"{platform.system()} {platform.release()}",
    }


def processor(cpuinfo: str) -> str:
    """Return the model of the first processor, from /proc/cpuinfo; processors of other kinds than x86 name none."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return " ".join(value.split())
    return "processor of unknown model"


def memory(meminfo: str) -> str:
    """Return the whole memory, from /proc/meminfo."""
    kib = next(int(line.split()[1]) for line in meminfo.splitlines() if line.startswith("MemTotal:"))
    return f"{kib / 2**20:.1f} GiB"
