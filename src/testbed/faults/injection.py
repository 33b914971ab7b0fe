"""Injecting and healing: the ledger records a fault first, and its record is removed last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from testbed.deferred import Deferred
from testbed.errors import UsageError
from testbed.faults.fault import FaultOptions
from testbed.faults.fault_options import OnNetworks, format_options
from testbed.faults.fault_registry import fault_named, parse_options, require_of_design, require_suitable
from testbed.faults.fault_target import NodeStates, parse_target
from testbed.faults.ledger import Ledger, LedgerEntry
from testbed.journal.events import FaultStep
from testbed.machines import Machine

if TYPE_CHECKING:
    from testbed.machines.fleet import Fleet

StepCallback = Callable[[FaultStep], None]
"""Called with each step of a fault at the moment of the step."""


def inject(
    fleet: Fleet,
    ledger: Ledger,
    fault: str,
    target: str,
    options: Mapping[str, Any] | None = None,
    *,
    rng: Random | None = None,
    state: NodeStates | None = None,
    on_step: StepCallback | None = None,
) -> LedgerEntry:
    """Inject a fault into a machine.

    Args:
        fleet: the machines.
        ledger: records the fault.
        fault: the fault's name.
        target: a node's name, or a role and its state (``db:primary``), resolved now.
        options: the fault's options.
        rng: makes the choice of ``app:any``: the same seed chooses the same node.
        state: the roles of the nodes; by default the nodes are queried if the target depends on it.
        on_step: called with ``inject`` and ``injected``.

    Returns:
        The record.

    Raises:
        UsageError: an unknown fault, target or option, or a node that cannot suffer it; nothing was changed.
        TestbedError: it could not be injected, or only partly; it is on record to be healed.
    """
    what = fault_named(fault)
    chosen = parse_options(fault, options or {})
    machine = parse_target(target, fleet.topology).resolve(fleet, state, rng)
    require_of_design(what, fleet.topology, machine.name)
    require_suitable(what, machine.node, chosen, machine.name)
    if reason := what.refusal(machine, chosen):
        raise UsageError(f"{fault} is impossible on {machine.name}: {reason}", fix="`testbed status` shows the cluster")
    _must_be_new(ledger, fault, machine, chosen)
    entry = ledger.write(fault, machine.name, target, format_options(chosen))
    _report_step(on_step, entry, "inject")
    what.inject_in_fleet(fleet, machine, chosen)
    _report_step(on_step, entry, "injected")
    return entry


def resign(
    fleet: Fleet,
    ledger: Ledger,
    target: str,
    *,
    rng: Random | None = None,
    state: NodeStates | None = None,
    on_step: StepCallback | None = None,
) -> LedgerEntry:
    """Have a balancer or a database node hand its virtual address over to its peer.

    The arguments and errors are those of ``inject``. Nothing stays in force: the peer keeps the address.

    Returns:
        The record, which is removed already.
    """
    entry = inject(fleet, ledger, "resign", target, rng=rng, state=state, on_step=on_step)
    heal(fleet, ledger, entry, on_step=on_step)
    return entry


def _must_be_new(ledger: Ledger, fault: str, machine: Machine, chosen: FaultOptions) -> None:
    """Refuse a second fault of the same kind on a cable: healing the first would heal both."""
    if not isinstance(chosen, OnNetworks):
        return
    for entry in ledger.entries():
        if (entry.fault, entry.node) != (fault, machine.name):
            continue
        other = parse_options(fault, entry.options)
        same_way = getattr(other, "direction", "") == getattr(chosen, "direction", "")
        if isinstance(other, OnNetworks) and same_way:
            common = [
                network for network in chosen.networks_of(machine.node) if network in other.networks_of(machine.node)
            ]
            if common:
                raise UsageError(
                    f"{fault} is in force on {machine.name} already ({', '.join(common)})", fix="heal it first"
                )


def heal(fleet: Fleet, ledger: Ledger, entry: LedgerEntry, *, on_step: StepCallback | None = None) -> None:
    """Undo one fault and remove its record.

    The fault is healed even if ``on_step`` or the ledger fails, as on a full disk; what failed is raised afterwards.

    Args:
        fleet: the machines.
        ledger: records the fault.
        entry: the fault.
        on_step: called with ``heal`` and ``healed``.

    Raises:
        TestbedError: it could not be healed; it stays on record.
        Exception: it was healed; ``on_step`` raised this, or the ledger did.
    """
    if trouble := _heal(fleet, ledger, entry, on_step):
        raise trouble


def _heal(fleet: Fleet, ledger: Ledger, entry: LedgerEntry, on_step: StepCallback | None) -> BaseException | None:
    """Undo one fault and remove its record; return the first error of ``on_step`` or the ledger."""
    bookkeeping = Deferred()
    with bookkeeping:
        _report_step(on_step, entry, "heal")
    machines = {machine.name: machine for machine in fleet.machines()}
    if machine := machines.get(entry.node):
        fault_named(entry.fault).heal_in_fleet(fleet, machine, parse_options(entry.fault, entry.options))
    else:  # the container no longer exists; only rules on the host can be left
        fleet.sweep(entry.node)
    with bookkeeping:
        ledger.remove(entry)
    with bookkeeping:
        _report_step(on_step, entry, "healed")
    return bookkeeping.first


def heal_all(
    fleet: Fleet, ledger: Ledger, *, on_step: StepCallback | None = None, entries: Sequence[LedgerEntry] | None = None
) -> list[LedgerEntry]:
    """Undo every fault in the ledger, or some of them, the oldest first.

    A node that lost its cable and then its power boots with the cable in. In the other order, the cable would be
    plugged into a node that has only just got its power back. Ctrl-C interrupts the healing of one fault; the others
    are healed.

    Returns:
        The faults that were healed.

    Raises:
        TestbedError: a fault could not be healed; it stays on record, the others are healed.
        KeyboardInterrupt: Ctrl-C was pressed; the faults that it did not interrupt are healed.
        Exception: ``on_step`` or the ledger failed; every fault is healed that can be.
    """
    healed: list[LedgerEntry] = []
    pending = ledger.readable_entries() if entries is None else list(entries)
    later = Deferred()
    while pending:
        failures = _heal_each(fleet, ledger, pending, on_step, later)
        healed += [entry for entry in pending if entry.key not in failures]
        if len(failures) == len(pending):
            later.note(next(iter(failures.values())))
            break
        # Healing a fault may make others healable: a frozen node runs no commands until it is thawed.
        pending = [entry for entry in pending if entry.key in failures]
    later.raise_first()
    return healed


def _heal_each(
    fleet: Fleet, ledger: Ledger, entries: Sequence[LedgerEntry], on_step: StepCallback | None, later: Deferred
) -> dict[str, BaseException]:
    """Heal each fault; one that cannot be healed does not stop the others.

    Returns:
        The error of each fault that could not be healed, by its key.
    """
    failures: dict[str, BaseException] = {}
    for entry in entries:
        try:
            later.note(_heal(fleet, ledger, entry, on_step))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the next fault is healed after any error
            failures[entry.key] = error
            if isinstance(error, KeyboardInterrupt):
                later.note(error)
    return failures


def _report_step(on_step: StepCallback | None, entry: LedgerEntry, step: str) -> None:
    if on_step:
        on_step(FaultStep(entry.key, step, entry.fault, entry.node, entry.target, entry.options))
