"""How the VMs of a new cluster started: by a boot, or from the saved state of a booted guest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from testbed.cluster.cluster import Cluster

_EVENT = re.compile(r"event=vm-(?:(restored) seconds=([\d.]+)|state-(refused) reason=(\S+)|state-(saved))")


def vm_starts(cluster: Cluster) -> list[str]:
    """Return one line for each VM that used, refused or saved a state.

    Args:
        cluster: a new one, whose nodes have started once.
    """
    virtual = {name for name, node in cluster.topology.nodes.items() if node.keys.machine == "virtual"}
    logs = {
        machine.name: [line.text for line in machine.logs()]
        for machine in cluster.fleet.machines()
        if machine.name in virtual
    }
    return describe_starts(logs)


def describe_starts(logs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return one line for each VM that used, refused or saved a state.

    Args:
        logs: the lines of each VM's log, by node.
    """
    described = []
    for node, lines in logs.items():
        for line in lines:
            match = _EVENT.match(line)
            if match is None:
                continue
            restored, seconds, refused, reason, _ = match.groups()
            if restored:
                described.append(f"{node}: continued from the saved state of a booted guest, after {seconds} s")
            elif refused:
                described.append(f"{node}: booted, because its saved state cannot be used: {reason}")
            else:
                described.append(f"{node}: booted; its state is saved for the next new cluster")
    return described
