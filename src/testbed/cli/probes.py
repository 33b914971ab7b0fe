"""``testbed probes``: which probes run, the built-in ones and those that the cluster's topology declares."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import out
from testbed.cluster import Cluster
from testbed.probes.known_probes import known_probes
from testbed.topology.declared_probes import as_data
from testbed.units import format_duration

app = new_app()


@app.command(epilog=examples("testbed probes", "testbed probes --json"))
def probes(as_json: Json = False) -> None:
    """List the probes that run in every run, with those that you declared."""
    declared = as_data(Cluster().topology.probes)
    known = known_probes(declared)
    if as_json:
        print_json(
            [
                {
                    "name": name,
                    "summary": probe.summary,
                    "interval": probe.interval,
                    "runs_on": probe.runs_on,
                    "declared": name in declared,
                }
                for name, probe in known.items()
            ]
        )
        return
    table = Table("probe", "what it does", "how often", "runs on", box=None, header_style="bold", pad_edge=False)
    for name, probe in known.items():
        table.add_row(name, escape(probe.summary), f"every {format_duration(probe.interval)}", probe.runs_on)
    out.print(table)
