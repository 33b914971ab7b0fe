"""What an incident file expects: the ``expect`` block, each key the parameter of a check."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from testbed.units import Duration

ProbeName = Literal["tcp", "https", "webmail", "sql-read", "sql-write"]
CheckName = Literal[
    "outage", "stopped", "stickiness", "durability", "ownership", "owner", "isolation", "alarms", "leftovers", "logins",
    "rejoin", "phases", "return", "healthy",
]  # fmt: skip


# The profile that nothing is excused under.
HARDENED = "hardened"


class Asked(BaseModel):
    """What a run can be asked for; always checked: stickiness, durability, ownership, alarms, healthy, leftovers."""

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
    sessions_lost: int | None = Field(
        default=None, ge=0, alias="sessions-lost",
        description="How many sessions may be lost at most, whatever the reason.",
    )  # fmt: skip
    rejoin: Duration | None = Field(
        default=None,
        description="From the last heal until DRBD is connected and up to date on both sides and every member is ok.",
    )
    returning: dict[ProbeName, Duration] = Field(
        default_factory=dict, alias="return",
        description="From the first heal after the last fault: probe to the longest outage it may see. No address may "
        "move either: to come back is no reason to take over.",
    )  # fmt: skip
    isolation: bool = Field(
        default=False, description="Scan every node from `public`: nothing behind the balancers may answer."
    )
    alarms: list[str] = Field(
        default_factory=list, description="Names of log patterns that may appear; every other one fails the run."
    )


class Expectations(Asked):
    """What must be true of the run, and what differs where the design's holes are closed."""

    documented: dict[CheckName, str] = Field(
        default_factory=dict,
        description="Checks that are known to fail under the profile reference, with the reason: such a failure does "
        "not fail the run. Under hardened nothing is excused.",
    )
    hardened: Asked = Field(
        default_factory=Asked, description="What is expected instead under the profile hardened, key by key."
    )

    @field_serializer("hardened")
    def _as_written(self, block: Asked) -> dict[str, Any]:
        """Only what the file says: what it leaves out is not expected to be nothing."""
        return block.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def under(self, profile: str) -> Expectations:
        """What is expected of a cluster of this profile.

        Args:
            profile: ``reference`` or ``hardened``; the latter's own words count for more, and nothing is excused.
        """
        if profile != HARDENED:
            return self
        changed = {name: _laid_over(getattr(self, name), getattr(self.hardened, name)) for name in self.changed}
        return self.model_copy(update={**changed, "documented": {}, "hardened": Asked()})

    @property
    def changed(self) -> frozenset[str]:
        """The fields of which something else is expected under the profile hardened."""
        return frozenset(self.hardened.model_fields_set)


def _laid_over(mine: object, theirs: object) -> object:
    return {**mine, **theirs} if isinstance(mine, dict) and isinstance(theirs, dict) else theirs
