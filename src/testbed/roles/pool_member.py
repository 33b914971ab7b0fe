"""Changes of a balancer's pool members, by its own program ``pool-member`` (images/lb/bin)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from testbed.machines.machine import Machine

Verb = Literal["drain", "disable", "enable", "remove", "weight"]
LEAST_WEIGHT, MOST_WEIGHT = 1, 100
# pool-member waits for twenty seconds itself, and then once more for what it takes back.
OBEY_SECONDS = 40.0


def decide(
    balancer: Machine, verb: Verb, application: str, node: str, *, weight: int = 0, until_boot: bool = False
) -> None:
    """Have a balancer do something with a member; returns when it does.

    Args:
        balancer: it must be on.
        verb: what.
        application: whose pools.
        node: the app node.
        weight: its new weight, for ``weight``.
        until_boot: only until the balancer is started again; by default the decision outlives that.

    Raises:
        TestbedError: its server does not answer, or does not do it; what was decided before stands.
    """
    arguments = [*(["--until-boot"] if until_boot else []), verb, application, node, *([str(weight)] if weight else [])]
    _run(balancer, arguments)


def decide_until_boot(balancers: Iterable[Machine], verb: Verb, applications: Iterable[str], node: str) -> None:
    """Have balancers do something with a node in several applications' pools, until they are started again.

    Args:
        balancers: those that run.
        verb: what.
        applications: whose pools.
        node: the app node.

    Raises:
        TestbedError: a server does not answer, or does not do it; the others before it have.
    """
    targets = list(balancers)
    for application in applications:
        for balancer in targets:
            decide(balancer, verb, application, node, until_boot=True)


def decisions(balancer: Machine) -> tuple[str, ...]:
    """The lasting decisions of a balancer, one a member: ``APPLICATION NODE STATE WEIGHT``.

    Raises:
        TestbedError: its server does not answer.
    """
    return tuple(_run(balancer, ["show"]).splitlines())


def set_decisions(balancer: Machine, decided: Sequence[str]) -> None:
    """Have a balancer drop its decisions for others; those of nodes that are not there wait for them.

    Args:
        balancer: it must be on.
        decided: as ``decisions`` returns them.

    Raises:
        TestbedError: its server does not do it.
    """
    _run(balancer, ["take", *decided])


def forget(balancer: Machine, node: str) -> None:
    """Have a balancer forget a node that has left for good, and what was decided about it.

    Args:
        balancer: it must be on.
        node: the app node.

    Raises:
        TestbedError: it did not; the node stays a member.
    """
    for command in (["forget-member", node], ["pool-member", "forget", node]):
        _done(balancer, command)


def _run(balancer: Machine, arguments: Sequence[str]) -> str:
    return _done(balancer, ["pool-member", *arguments])


def _done(balancer: Machine, command: Sequence[str]) -> str:
    """The output of a command that must succeed."""
    return balancer.exec(list(command), timeout=OBEY_SECONDS).check("", balancer.name)
