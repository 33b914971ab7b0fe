"""Measuring: rounds of turns, so that a noisy machine favours no variant."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence

from docker.errors import DockerException

from testbed.bench.session.samples import BenchSession, Failure, Sample
from testbed.bench.session.subject import BenchSubject, Options, Take
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.progress import PrintLine

# A subject whose turns fail one after the other is given up.
MOST_FAILURES = 2
# What fails a turn and not the session: the cluster, the engine, or a file.
TURN_ERRORS = (TestbedError, DockerException, OSError)


def turns(variants: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """The round and the variant of each turn.

    Each round begins with another variant, and every second round goes backwards. So no variant has its turn always
    behind the same other one, or always at the begin of a round.

    Args:
        variants: by name.
        rounds: how many.
    """
    for number in range(1, rounds + 1):
        begin = (number - 1) // 2 % len(variants)
        order = [*variants[begin:], *variants[:begin]]
        for variant in order if number % 2 else reversed(order):
            yield number, variant


def pending(claim: BenchSubject, rounds: int, done: Collection[Sample]) -> list[tuple[int, str]]:
    """The turns of a subject that a session still has to take."""
    taken = {(each.round, each.variant) for each in done if each.claim == claim.key}
    return [turn for turn in turns(claim.variants, rounds) if turn not in taken]


def measure(
    cluster: Cluster, session: BenchSession, claim: BenchSubject, options: Options, print_line: PrintLine
) -> bool:
    """Measure what a session still lacks of a subject.

    Args:
        cluster: a cluster that is up.
        session: where the samples are kept.
        claim: what to measure.
        options: what the user chose.
        print_line: called with a line for each turn.

    Returns:
        Whether every turn was measured.
    """
    rounds = options.rounds or claim.rounds
    left = pending(claim, rounds, session.samples())
    if not left:
        return True
    print_line(f"  {len(left)} turns")
    failures, begun = 0, time.monotonic()
    try:
        with claim.stage(cluster, options, print_line) as take:
            for done, (number, variant) in enumerate(left):
                if done and done % len(claim.variants) == 0:
                    minutes = (time.monotonic() - begun) / done * (len(left) - done) / 60
                    print_line(f"  about {minutes:.0f} min left of this subject")
                taken = _turn(session, claim, number, variant, take, print_line)
                failures = 0 if taken else failures + 1
                if failures >= MOST_FAILURES:
                    print_line(f"  {claim.title}: given up, because {failures} turns failed one after the other")
                    break
    except TURN_ERRORS as error:
        session.write(Failure(claim=claim.key, variant="", round=0, failure=str(error)))
        print_line(f"  {claim.title}: {error}")
    return not pending(claim, rounds, session.samples())


def _turn(
    session: BenchSession, claim: BenchSubject, number: int, variant: str, take: Take, print_line: PrintLine
) -> bool:
    """Measure one variant once, and keep what came of it."""
    started, begun, load = time.time(), time.monotonic(), os.getloadavg()[0]
    try:
        values = take(variant)
    except TURN_ERRORS as error:
        session.write(Failure(claim=claim.key, variant=variant, round=number, failure=str(error)))
        print_line(f"  round {number}, {variant}: {error}")
        return False
    took = time.monotonic() - begun
    sample = Sample(
        claim=claim.key, variant=variant, round=number, started=started, took=took, load=load, values=dict(values)
    )
    session.write(sample)
    figures = ", ".join(f"{each.title} {values[each.key]:.4g}" for each in claim.measures if each.key in values)
    print_line(f"  round {number}, {variant}: {figures} ({took:.0f} s)")
    return True
