"""What a node does at a moment, in one line."""

from __future__ import annotations

from testbed.cluster.state import RoleState
from testbed.roles import AppState, ArbiterState, BalancerState, DatabaseState, MailState, SingleState


def describe_state(state: RoleState) -> str:
    """Return what a node does, in one line.

    Args:
        state: of the node.
    """
    match state:
        case BalancerState(reachable=True):
            pools: dict[str, list[str]] = {}
            for each in state.members:
                pools.setdefault(each.pool, []).append(f"{each.name} ({each.status.strip()}, {each.elected})")
            members = "; ".join(f"{pool}: {', '.join(names)}" for pool, names in pools.items())
            return f"{'active' if state.holds_address else 'standby'}; {members or 'its pools are empty'}"
        case AppState(reachable=True):
            silent = "".join(f"; {name} does not serve: {reason}" for name, reason in state.silent.items())
            return f"{', '.join(state.applications) or 'nothing'} runs; {state.sessions} sessions{silent}"
        case MailState(reachable=True) | SingleState(reachable=True):
            return _running(state)
        case DatabaseState(reachable=True) | ArbiterState(reachable=True):
            return state.summary()
        case _:
            return "does not answer"


def _running(state: MailState | SingleState) -> str:
    """Which of a node's daemons run."""
    if isinstance(state, MailState):
        daemons = {"IMAP": state.imap, "SMTP": state.smtp}
        return "; ".join(f"{name} {'runs' if runs else 'is dead'}" for name, runs in daemons.items())
    daemons = {"Apache": state.apache, "MariaDB": state.database}
    running = [f"{name} {'runs' if runs else 'is dead'}" for name, runs in daemons.items()]
    return "; ".join([*running, f"{state.sessions} sessions"])
