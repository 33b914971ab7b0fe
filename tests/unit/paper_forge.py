"""Sessions of `testbed bench paper` that are made up: the same figures each time, and no cluster."""

from __future__ import annotations

from pathlib import Path
from random import Random

from testbed.bench import paper
from testbed.bench.paper.paper_model import PaperClaim
from testbed.bench.session.samples import Failure, Sample
from testbed.bench.session.turns import turns

MACHINE = {"processor": "2 Forged CPUs", "memory": "16.0 GiB", "virtual machines": "QEMU 10, TCG <emulated>"}
# What the first measures of a claim come to on a variant: the raw disk, or any other.
RAW, REPLICATED = 400.0, 120.0


def opening(*claims: str, rounds: int = 6) -> paper.BenchOpening:
    return paper.BenchOpening(started=1_764_500_000, rounds=rounds, seconds=3, users=6, claims=claims, machine=MACHINE)


def samples(claim: PaperClaim, rounds: int = 6, seed: int = 2006) -> list[Sample]:
    """A sample for each turn; each variant has a level of its own, and noise."""
    random = Random(seed)  # noqa: S311
    found = []
    for number, variant in turns(claim.variants, rounds):
        level = RAW if "raw" in variant else REPLICATED + 10 * claim.variants.index(variant)
        values = {each.key: level * random.uniform(0.95, 1.05) for each in claim.measures}
        if "outage" in values:
            values["outage"] = 3.0 + random.random() + claim.variants.index(variant)
        found.append(
            Sample(claim=claim.key, variant=variant, round=number, started=0, took=20, load=1.5, values=values)
        )  # fmt: skip
    return found


def session(parent: Path, *claims: str, rounds: int = 6) -> paper.BenchSession:
    """A session that is complete but for one turn, which failed."""
    made = paper.BenchSession.create(parent / f"{paper.KIND}-20261130-120000", opening(*claims, rounds=rounds))
    for key in claims:
        for sample in samples(paper.CLAIMS[key], rounds):
            made.write(sample)
    made.write(Failure(claim=claims[0], variant=paper.CLAIMS[claims[0]].variants[0], round=2, failure="db1: it <fell>"))
    return made
