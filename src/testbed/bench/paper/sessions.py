"""Sessions in files with sticky routing against sessions in the database, by their size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

from testbed.bench.paper.paper_model import Expectation, PaperClaim
from testbed.bench.paper.workload import APP, DATABASE, FACTOR, LATENCY, RATE, TAIL, load_of, reshaping, values_of
from testbed.bench.session.subject import Measure, Options, Take
from testbed.bench.work import work
from testbed.cluster import Cluster
from testbed.incidents.runner import reshape
from testbed.progress import PrintLine

# What a session has, and the KiB that are added to it: one in use has about 12.
PADDINGS: Mapping[str, int] = {"10 KB": 0, "50 KB": 38, "100 KB": 88}
THINK = 10.0


def _name(store: str, size: str) -> str:
    return f"{store}, {size}"


class SessionStorageClaim(PaperClaim):
    """What users wait when sessions are files, and when they are rows."""

    key = "sessions"
    title = "Sessions in files against the database"
    method = (
        "Webmail users who think for a tenth of the usual time work on the cluster. It keeps sessions as files of the "
        "app nodes with sticky routing, or as rows of the database. Sessions are padded to the size."
    )
    variants = tuple(_name(store, size) for size in PADDINGS for store in ("files", "database"))
    bases: ClassVar[Mapping[str, str]] = {_name("database", size): _name("files", size) for size in PADDINGS}
    base_title = "sessions in files of the same size"
    measures = (LATENCY, TAIL, RATE, DATABASE, APP, Measure("session", "session, mean", "KiB"))
    expectations = tuple(
        Expectation(
            f"sticky sessions in files are faster: time of a request with the database, {size}", "latency",
            _name("database", size), _name("files", size), at_least=1.0, strict=True,
            reason="other parts of a request take longer than its session does",
        )
        for size in PADDINGS
    )  # fmt: skip
    rounds = 2

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Nothing has to be prepared; at the end sessions are kept as before."""
        del print_line
        load = load_of(options.users, THINK)

        def take(variant: str) -> dict[str, float]:
            store, _, size = variant.partition(", ")
            changed = reshape(cluster, replace(cluster.shape, sessions=store, padding=PADDINGS[size]))
            return values_of(work(changed, "bench-paper-sessions", load, options.seconds * FACTOR))

        with reshaping(cluster):
            yield take
