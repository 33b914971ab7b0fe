"""The incident file: a replayable story with what is expected of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from testbed.checks.expectations import Expectations, ProbeName
from testbed.topology.keys import Profile
from testbed.units import Duration

ActionName = Literal["inbox", "read", "write", "find contact", "add contact", "vacation", "log out"]
Condition = Literal[
    "served", "taken-over", "healthy", "everyone-served", "sessions-everywhere", "drained", "resyncing", "replicated",
    "stopped", "verified",
]  # fmt: skip
# What each condition means, for --dry-run and for those who write incidents.
CONDITIONS: Mapping[Condition, str] = {
    "served": "every answer of the probes is good",
    "taken-over": "the peer of the machine that was struck serves in its place",
    "healthy": "nothing is wrong with the cluster: one owner of each address, DRBD whole, every member usable",
    "everyone-served": "every user has had a good answer to a request sent after the fault",
    "sessions-everywhere": "every app node was the last to answer some user: it holds that session",
    "drained": "no user was answered last by the app node that was struck last: it holds no session",
    "resyncing": "DRBD copies blocks from one database machine to the other",
    "replicated": "both copies of the data are connected and whole",
    "stopped": "no probe has a good answer",
    "verified": "the daily comparison of both copies, run at once, is done (hardened; the reference has none)",
}
WITHIN_SECONDS = 60.0
# Nothing that a run starts may outlive it for long, should testbed be killed: probes and load end by themselves then.
LIMIT_SECONDS = 1800


class Block(BaseModel):
    """Base of all blocks: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClusterShape(Block):
    """The cluster the incident needs; it is brought into this shape first."""

    overlays: list[str] = Field(default_factory=list, description="Compose overlays by name, in order.")
    sessions: Literal["files", "database"] | None = Field(
        default=None, description="Where sessions are kept while it is played; by default wherever they are."
    )
    scale: dict[str, Annotated[int, Field(ge=1, le=20)]] = Field(
        default_factory=dict, description="Machines of a scaled service, such as app: 3."
    )
    profile: Profile | None = Field(default=None, description="The only profile it is played under; by default both.")


class Load(Block):
    """The webmail's users."""

    users: int = Field(default=6, ge=0, le=60, description="How many; 0 for none.")
    rate: float = Field(default=2.0, gt=0, le=50, description="Users started a second.")
    think: float = Field(default=0.3, ge=0, le=10, description="Factor on their thinking times.")
    actions: dict[ActionName, Annotated[int, Field(ge=1, le=1000)]] = Field(
        default_factory=dict, description="Weight of each action; those not named are not done. By default all."
    )


class Steady(Block):
    """The steady state that the timeline starts from: every user has a session and every probe is answered."""

    hold: Duration = Field(default=2.0, alias="for", description="For how long without interruption.")
    within: Duration = Field(default=90.0, description="Give up when it has not come by then.")


class Step(Block):
    """One step of the timeline: a fault, a heal, a condition to wait for, or time that passes.

    Exactly one of ``fault``, ``heal``, ``when`` is there, or ``for`` alone.
    """

    at: Duration | None = Field(
        default=None, description="Not before so long after the steady state; without it, right after the step before."
    )
    fault: str | None = Field(default=None, description="The fault to inject (`testbed fault --help` lists them).")
    target: str | None = Field(
        default=None, description="Where: a node (db1) or a role and its state (db:primary, app:any)."
    )
    options: dict[str, Any] = Field(default_factory=dict, description="What the fault can be told, such as network.")
    name: str | None = Field(
        default=None, alias="as", pattern=r"^[a-z][a-z0-9-]*$", description="What later steps call this fault."
    )
    heal: str | None = Field(default=None, description="A fault's name (its `as`) to heal, or all.")
    when: Condition | None = Field(default=None, description="What to wait for.")
    hold: Duration | None = Field(
        default=None, alias="for", description="With when: it must hold for so long. Alone: let so much time pass."
    )
    within: Duration | None = Field(default=None, description="With when: give up when it has not come by then (60s).")
    probes: list[ProbeName] = Field(
        default_factory=list, description="With when served or stopped: which probes; by default all."
    )


class Scenario(Block):
    """One incident."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$", description="What runs of it are called.")
    why: str = Field(min_length=10, description="Why it matters, for people.")
    cluster: ClusterShape = Field(default_factory=ClusterShape)
    site: Literal["cluster", "single"] = Field(
        default="cluster",
        description="Where users and the site's probes go: the cluster, or the single server that the overlay adds.",
    )
    load: Load = Field(default_factory=Load)
    probes: dict[ProbeName, Duration] = Field(
        default_factory=dict, description="Probe to the time between two of its samples, where it differs from usual."
    )
    steady: Steady = Field(default_factory=Steady)
    timeline: list[Step] = Field(min_length=1, description="What happens, in order.")
    expect: Expectations = Field(default_factory=Expectations)
    repeat: int = Field(default=1, ge=1, le=1000, description="How many times.")
    seed: int = Field(default=2006, ge=0, description="Of the random choices (app:any, the users' actions).")
