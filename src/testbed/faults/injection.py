"""Injecting and healing: the ledger is written first and struck out last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from testbed.deferred import Deferred
from testbed.errors import UsageError
from testbed.faults.fault import FaultOptions
from testbed.faults.fault_registry import fault_named, must_suit, parse_options
from testbed.faults.ledger import Entry, Ledger
from testbed.faults.options import OnNetworks, as_text
from testbed.faults.target import State, parse_target
from testbed.journal.events import FaultStep
from testbed.machines import Machine

if TYPE_CHECKING:
    from testbed.machines.fleet import Fleet

Tell = Callable[[FaultStep], None]
"""Told each step of a fault's life at the moment it is taken."""


def inject(
    fleet: Fleet,
    ledger: Ledger,
    fault: str,
    target: str,
    options: Mapping[str, Any] | None = None,
    *,
    rng: Random | None = None,
    state: State | None = None,
    tell: Tell | None = None,
) -> Entry:
    """Inject a fault into a machine.

    Args:
        fleet: the machines.
        ledger: where the promise to heal is kept.
        fault: the fault's name.
        target: a machine's name, or a role and its state (``db:primary``), resolved now.
        options: what the fault is told.
        rng: makes the choice of ``app:any``: the same seed, the same machine.
        state: what the machines are doing; by default they are asked where the target depends on it.
        tell: told ``inject`` and ``injected``.

    Returns:
        What was written down.

    Raises:
        UsageError: an unknown fault, target or option, or a machine that cannot suffer it; nothing was changed.
        TestbedError: it could not be injected, or not wholly; it is on record to be healed.
    """
    what = fault_named(fault)
    chosen = parse_options(fault, options or {})
    machine = parse_target(target, fleet.topology).resolve(fleet, state, rng)
    must_suit(what, machine.node, chosen, machine.name)
    if reason := what.refusal(machine, chosen):
        raise UsageError(f"{fault} is impossible on {machine.name}: {reason}", fix="`testbed status` shows the cluster")
    _must_be_new(ledger, fault, machine, chosen)
    entry = ledger.write(fault, machine.name, target, as_text(chosen))
    _tell(tell, entry, "inject")
    what.inject_among(fleet, machine, chosen)
    _tell(tell, entry, "injected")
    return entry


def resign(
    fleet: Fleet,
    ledger: Ledger,
    target: str,
    *,
    rng: Random | None = None,
    state: State | None = None,
    tell: Tell | None = None,
) -> Entry:
    """Have a balancer or a database node hand its virtual address over to its peer.

    The arguments and errors are those of ``inject``. Nothing stays in force: the peer keeps the address.

    Returns:
        The record, which is struck out already.
    """
    entry = inject(fleet, ledger, "resign", target, rng=rng, state=state, tell=tell)
    heal(fleet, ledger, entry, tell=tell)
    return entry


def _must_be_new(ledger: Ledger, fault: str, machine: Machine, chosen: FaultOptions) -> None:
    """Two faults of a kind on one cable would be one: to heal the first would heal the second too."""
    if not isinstance(chosen, OnNetworks):
        return
    for entry in ledger.entries():
        if (entry.fault, entry.node) != (fault, machine.name):
            continue
        other = parse_options(fault, entry.options)
        same_way = getattr(other, "direction", "") == getattr(chosen, "direction", "")
        if isinstance(other, OnNetworks) and same_way:
            common = [network for network in chosen.on(machine.node) if network in other.on(machine.node)]
            if common:
                raise UsageError(
                    f"{fault} is in force on {machine.name} already ({', '.join(common)})", fix="heal it first"
                )


def heal(fleet: Fleet, ledger: Ledger, entry: Entry, *, tell: Tell | None = None) -> None:
    """Undo one fault and strike it out.

    The fault is healed even if ``tell`` or the ledger fails, as on a full disk; what failed is raised afterwards.

    Args:
        fleet: the machines.
        ledger: where it stands.
        entry: the fault.
        tell: told ``heal`` and ``healed``.

    Raises:
        TestbedError: it could not be healed; it stays on record.
        Exception: it was healed; ``tell`` raised this, or the ledger did.
    """
    if trouble := _heal(fleet, ledger, entry, tell):
        raise trouble


def _heal(fleet: Fleet, ledger: Ledger, entry: Entry, tell: Tell | None) -> BaseException | None:
    """Undo one fault and strike it out; returns what was wrong with the records alone."""
    bookkeeping = Deferred()
    with bookkeeping:
        _tell(tell, entry, "heal")
    machines = {machine.name: machine for machine in fleet.machines()}
    if machine := machines.get(entry.node):
        fault_named(entry.fault).heal_among(fleet, machine, parse_options(entry.fault, entry.options))
    else:  # the fault is gone with the container, except rules on the host
        fleet.sweep(entry.node)
    with bookkeeping:
        ledger.strike(entry)
    with bookkeeping:
        _tell(tell, entry, "healed")
    return bookkeeping.first


def heal_all(
    fleet: Fleet, ledger: Ledger, *, tell: Tell | None = None, entries: Sequence[Entry] | None = None
) -> list[Entry]:
    """Undo every fault in the ledger, or some of them, the oldest first.

    A machine that lost its cable and then its power boots with the cable in: in the other order, the cable would be
    plugged into a machine that has only just got its power back. Ctrl-C ends the healing of one fault; the others are
    healed all the same.

    Returns:
        The faults that were healed.

    Raises:
        TestbedError: a fault could not be healed; it stays on record, the others are healed.
        KeyboardInterrupt: Ctrl-C was pressed; the faults that it did not interrupt are healed.
        Exception: ``tell`` or the ledger failed; every fault is healed that can be.
    """
    healed: list[Entry] = []
    pending = ledger.readable() if entries is None else list(entries)
    later = Deferred()
    while pending:
        failures = _heal_each(fleet, ledger, pending, tell, later)
        healed += [entry for entry in pending if entry.key not in failures]
        if len(failures) == len(pending):
            later.note(next(iter(failures.values())))
            break
        # What could not be done before another fault was healed (a frozen machine cannot be told anything) now can.
        pending = [entry for entry in pending if entry.key in failures]
    later.raise_first()
    return healed


def _heal_each(
    fleet: Fleet, ledger: Ledger, entries: Sequence[Entry], tell: Tell | None, later: Deferred
) -> dict[str, BaseException]:
    """Heal what can be healed: one machine that cannot must not keep the others broken.

    Returns:
        Why the others could not be healed, by their keys.
    """
    failures: dict[str, BaseException] = {}
    for entry in entries:
        try:
            later.note(_heal(fleet, ledger, entry, tell))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever it is, the next fault is healed
            failures[entry.key] = error
            if isinstance(error, KeyboardInterrupt):
                later.note(error)
    return failures


def _tell(tell: Tell | None, entry: Entry, step: str) -> None:
    if tell:
        tell(FaultStep(entry.key, step, entry.fault, entry.node, entry.target, entry.options))
