"""``testbed faults``: which faults there are, and which are in force."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table

from testbed import faults as catalogue
from testbed import settings as configuration
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import err, out
from testbed.faults import Fault, Ledger, LedgerEntry

app = new_app()


@app.command(epilog=examples("testbed faults", "testbed faults --json"))
def faults(as_json: Json = False) -> None:
    """List the faults that can be injected, and those in force."""
    entries = Ledger(configuration.load().state_dir / "faults").readable_entries()
    if as_json:
        known = [_document(each) for each in catalogue.FAULTS.values()]
        print_json({"faults": known, "in_force": [asdict(entry) for entry in entries]})
        return
    table = Table("fault", "what happens", "options", box=None, header_style="bold", pad_edge=False)
    for each in catalogue.FAULTS.values():
        table.add_row(each.name, escape(each.summary), ", ".join(_options(each)))
    out.print(table)
    for entry in entries:
        err.print(f"[yellow]in force:[/] {escape(_in_force(entry))}", highlight=False)
    if not entries:
        err.print("no fault is in force", highlight=False)


def _in_force(entry: LedgerEntry) -> str:
    options = " ".join(f"{name}={value}" for name, value in entry.options.items())
    return f"{entry.fault} on {entry.node} {options}".rstrip()


def _options(fault: Fault[Any]) -> list[str]:
    """Return the names of a fault's options; those that must be given have a mark."""
    fields = fault.Options.model_fields
    return [f"{name} (required)" if field.is_required() else name for name, field in fields.items()]


def _document(fault: Fault[Any]) -> dict[str, object]:
    options = {
        name: {"required": field.is_required(), "description": field.description or ""}
        for name, field in fault.Options.model_fields.items()
    }
    return {"name": fault.name, "summary": fault.summary, "options": options}
