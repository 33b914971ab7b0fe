"""The registry of database designs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from testbed.designs.database_design import DatabaseDesign
from testbed.designs.layout_registry import LAYOUTS, design_module
from testbed.errors import UsageError
from testbed.topology import Topology

if TYPE_CHECKING:
    from testbed.journal import RunPlan

DESIGNS: Mapping[str, DatabaseDesign[Any]] = {name: design_module(name, "design").DESIGN for name in LAYOUTS}
# The first is the design of topologies and journals that name none.
DEFAULT = next(iter(DESIGNS.values()))


def design_named(name: str | None) -> DatabaseDesign[Any]:
    """Return the design called ``name``; without a name, the default.

    Raises:
        UsageError: there is none of that name.
    """
    if name is None:
        return DEFAULT
    if name not in DESIGNS:
        raise UsageError(f"no database design {name!r}", fix=f"the designs are {', '.join(DESIGNS)}")
    return DESIGNS[name]


def design_of(topology: Topology) -> DatabaseDesign[Any]:
    """Return a cluster's database design.

    Raises:
        UsageError: testbed has none of the name in the topology.
    """
    return design_named(topology.database.design)


def design_of_run(plan: RunPlan | None) -> DatabaseDesign[Any]:
    """Return the database design of the cluster that a run was played on.

    Args:
        plan: of the run; None: its journal has none.

    Raises:
        UsageError: this version has none of the name in the journal.
    """
    return design_named(plan.platform.get("design") if plan else None)
