"""What an incident file expects: the ``expect`` block, each key the parameter of a check."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from testbed.units import Duration

ProbeName = Literal["tcp", "https", "webmail", "sql-read", "sql-write"]
CheckName = Literal[
    "outage", "stopped", "stickiness", "durability", "ownership", "owner", "isolation", "alarms", "leftovers", "logins",
    "rejoin", "phases",
]  # fmt: skip


class Expectations(BaseModel):
    """What must be true of the run. Stickiness, durability, ownership, alarms and leftovers are always checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outage: dict[ProbeName, Duration] = Field(
        default_factory=dict, description="Probe to the longest outage it may see; 0s: none that it can resolve."
    )
    felt: list[ProbeName] = Field(
        default_factory=list, description="Probes that must have seen an outage, or the fault was not felt."
    )
    stopped: list[ProbeName] = Field(
        default_factory=list,
        description="Probes that must have no good answer from the last fault to the first heal: service stops "
        "rather than data is lost.",
    )
    owner: dict[Literal["site", "database"], Literal["same", "peer"]] = Field(
        default_factory=dict,
        description="Who holds a virtual address at the end: who held it at the start (same), or its peer.",
    )
    doomed: bool = Field(
        default=False, description="Some session must have lived on a node that died, or stickiness proves nothing."
    )
    logins_failed: int | None = Field(
        default=None, ge=0, alias="logins-failed", description="How many logins may fail at most."
    )
    rejoin: Duration | None = Field(
        default=None,
        description="From the last heal until DRBD is connected and up to date on both sides and every member is ok.",
    )
    isolation: bool = Field(
        default=False, description="Scan every node from `public`: nothing behind the balancers may answer."
    )
    alarms: list[str] = Field(
        default_factory=list, description="Names of log patterns that may appear; every other one fails the run."
    )
    documented: dict[CheckName, str] = Field(
        default_factory=dict,
        description="Checks that are known to fail, with the reason: such a failure does not fail the run.",
    )
