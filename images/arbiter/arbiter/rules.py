"""The arbiter's rules. Pure: what is remembered and what is asked go in, what is granted and remembered come out.

Two copies of the data are kept in step by DRBD. As long as they are connected, either will do, and no node needs an
arbiter. A machine that goes on without the other must be the only one to do so, now and after any number of restarts;
so one of them has the data ``alone`` until both copies are complete again. The generation changes with each decision: a
request that was sent before another node's decision, and arrives after it, differs from one that knows of it.
"""

from __future__ import annotations

from dataclasses import dataclass

# What may be asked, and what of it needs the peer's power to be cut or proved to be off.
VERBS = ("inherit", "take", "keep", "confirm", "whole")
FENCING = ("inherit", "take")


@dataclass(frozen=True)
class Memory:
    """What outlives the arbiter.

    Args:
        alone: the machine that has the data alone; empty: both have.
        generation: number of decisions so far.
    """

    alone: str = ""
    generation: int = 0


@dataclass(frozen=True)
class Request:
    """One question.

    Args:
        verb: ``inherit`` (I go on alone if the peer is off), ``take`` (I go on alone: cut the peer's power), ``keep``
            (I am primary, DRBD's single one, and lost sight of the peer), ``confirm`` (was this generation granted to
            me, and nothing decided since?), ``whole`` (both copies are, I saw it after this generation).
        node: who asks.
        generation: of the last answer; of ``confirm`` and ``whole`` alone.
    """

    verb: str
    node: str
    generation: int = -1


def refusal(memory: Memory, request: Request) -> str:
    """Return why the request must be refused whatever the peer does, or an empty string.

    ``keep`` cuts no power: as the one primary that DRBD allows, the asker has never ceased to be it, and the
    peer could have become one only by ``inherit`` or ``take``, which cut the asker's power or found it cut.

    Args:
        memory: what was decided.
        request: what is asked.
    """
    if request.verb == "whole":
        return "" if request.generation == memory.generation else f"generation is {memory.generation}"
    if memory.alone and memory.alone != request.node:
        return f"{memory.alone} has newer data"
    if request.verb == "confirm" and (memory.alone, memory.generation) != (request.node, request.generation):
        return f"not granted, generation is {memory.generation}"
    return ""


def after(memory: Memory, request: Request) -> Memory:
    """Return what is remembered once the request is granted.

    Args:
        memory: what was decided before.
        request: what is granted.
    """
    if request.verb == "confirm":
        return memory
    return Memory("" if request.verb == "whole" else request.node, memory.generation + 1)
