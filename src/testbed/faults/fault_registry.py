"""The registry of faults and operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testbed.designs.design_registry import DESIGNS, design_of
from testbed.errors import UsageError
from testbed.faults.cable_pull import CablePull
from testbed.faults.clock_jump import ClockJump
from testbed.faults.delay import Delay
from testbed.faults.drain import Drain
from testbed.faults.fault import Fault, FaultOptions
from testbed.faults.fault_options import OnNetworks, parse_model
from testbed.faults.fault_target import FaultTarget, parse_target
from testbed.faults.freeze import Freeze
from testbed.faults.loss import Loss
from testbed.faults.network_down import NetworkDown
from testbed.faults.power_loss import PowerLoss
from testbed.faults.process_faults import ProcessHang, ProcessKill
from testbed.faults.rate_limit import RateLimit
from testbed.faults.reboot import Reboot
from testbed.faults.resignation import Resign
from testbed.faults.shutdown import Shutdown
from testbed.faults.silent_cut import SilentCut
from testbed.topology import Node, Topology

# A new fault needs one line here. Lists, help, schema and documentation show the faults in this order. A database
# design has faults of its own.
_ALL: tuple[Fault[Any], ...] = (
    PowerLoss(),
    Shutdown(),
    Reboot(),
    Freeze(),
    CablePull(),
    NetworkDown(),
    SilentCut(),
    Loss(),
    Delay(),
    RateLimit(),
    ProcessKill(),
    ProcessHang(),
    Resign(),
    Drain(),
    *(fault for design in DESIGNS.values() for fault in design.faults),
    ClockJump(),
)
# All that can be done to a node on record, and undone.
ACTIONS: Mapping[str, Fault[Any]] = {fault.name: fault for fault in _ALL}
OPERATIONS: Mapping[str, Fault[Any]] = {name: each for name, each in ACTIONS.items() if each.operator_command}
FAULTS: Mapping[str, Fault[Any]] = {name: each for name, each in ACTIONS.items() if not each.operator_command}
# Names of earlier versions: messages and records on the disk are answered with the new one.
FORMER_NAMES: Mapping[str, str] = {former: each.name for each in _ALL for former in each.former_names}


def recorded_action(name: str) -> Fault[Any] | None:
    """Return the fault or operation of a name in a journal, which may be a former one; None: this version has none."""
    return ACTIONS.get(FORMER_NAMES.get(name, name))


def fault_named(name: str) -> Fault[Any]:
    """Return the fault or operation called ``name``.

    Raises:
        UsageError: there is none of that name.
    """
    if name in FORMER_NAMES:
        raise UsageError(f"the fault {name!r} was renamed", fix=f"write {FORMER_NAMES[name]}")
    if name not in ACTIONS:
        raise UsageError(f"no fault {name!r}", fix=f"the faults are {', '.join(FAULTS)}")
    return ACTIONS[name]


def parse_options(fault: str, given: Mapping[str, Any]) -> FaultOptions:
    """Parse a fault's options; this needs no running cluster.

    Args:
        fault: the fault's name.
        given: option to value, as text or as a incident file's data.

    Raises:
        OptionError: an option that is unknown, missing or invalid.
        UsageError: no such fault.
    """
    return parse_model(fault, fault_named(fault).Options, given)


def require_of_design(fault: Fault[Any], topology: Topology, target: str) -> None:
    """Refuse a fault that only nodes of another database design can suffer.

    Args:
        fault: the fault.
        topology: the cluster's.
        target: its target in the message.

    Raises:
        UsageError: with the design that has it.
    """
    own = design_of(topology)
    if fault in own.faults:
        return
    if others := [design.name for design in DESIGNS.values() if fault in design.faults]:
        raise UsageError(
            f"{fault.name} is impossible on {target}: it is a fault of the database design {' and '.join(others)}, and "
            f"this cluster has {own.name}",
            fix=f"choose another fault, or bring up a cluster of the design {others[0]}",
        )


def require_suitable(fault: Fault[Any], node: Node, options: FaultOptions, name: str = "") -> None:
    """Refuse a fault that no node of a service could ever suffer.

    Args:
        fault: the fault.
        node: the service.
        options: the fault's options.
        name: name of the node in the message; by default the service's.

    Raises:
        UsageError: with the reason.
    """
    if isinstance(options, OnNetworks) and (mistake := options.unknown_network(node, name)):
        raise mistake
    if reason := fault.why_unsuitable(node, options):
        raise UsageError(
            f"{fault.name} is impossible on {name or node.name}: {reason}",
            fix="docs/faults.md lists the nodes that can suffer it",
        )


def check_fault(
    fault: str, target: str, given: Mapping[str, Any], topology: Topology, scale: Mapping[str, int] | None = None
) -> FaultTarget:
    """Check a fault before it is injected, without a running cluster; return its target.

    Args:
        fault: the fault's name.
        target: a node, or a role and its state.
        given: the fault's options.
        topology: the cluster's services.
        scale: number of nodes of each scaled service that differs from the topology's; None: any number is valid.

    Raises:
        UsageError: it could never be injected.
    """
    options = parse_options(fault, given)
    found = parse_target(target, topology, scale)
    require_of_design(fault_named(fault), topology, target)
    for node in found.nodes:
        require_suitable(fault_named(fault), node, options, found.name)
    return found
