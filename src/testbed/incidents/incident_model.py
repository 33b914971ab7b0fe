"""The incident file: steps that can be played again, with what is expected of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from testbed.checks.expectations import Expect, ProbeName, Profile, ProfileName, Profiles, merge_expectations
from testbed.units import Duration, Percent, PerSecond

ActionName = Literal["inbox", "read", "write", "find contact", "add contact", "vacation", "log out"]
Condition = Literal[
    "service", "no-service", "failed-over", "healthy", "all-users-served", "sessions-on-all-app-nodes", "drained",
    "resyncing", "replicated", "copies-verified",
]  # fmt: skip
# What each condition means, for --dry-run, editors and those who write incidents.
CONDITIONS: Mapping[Condition, str] = {
    "service": "every answer of the probes is good",
    "no-service": "no probe gets a good answer",
    "failed-over": "the other node of the pair holds the address and serves",
    "healthy": "one owner of each address, both database nodes up to date, every app node in the pool",
    "all-users-served": "every user got a good answer to a request sent after the last fault",
    "sessions-on-all-app-nodes": "every app node was the last to answer some user, so each holds a session",
    "drained": "the app node that was drained last was the last to answer no user, so it holds no session",
    "resyncing": "data is being copied from one database node to the other",
    "replicated": "both copies of the data are connected and up to date",
    "copies-verified": "the daily comparison of both copies, run at once, is done (only the profile hardened has one)",
}
TIMEOUT_SECONDS = 60.0
# Nothing that a run starts may outlive it for long, should testbed be killed: probes and load end by themselves then.
LIMIT_SECONDS = 1800
ALL = "all"
KINDS = ("sleep", "inject", "wait_for", "heal", "drain", "undrain", "resign")
_ID = r"^[a-z][a-z0-9-]*$"


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
        default_factory=dict, description="Nodes of a scaled service, such as app: 3."
    )
    profile: ProfileName | None = Field(
        default=None, description="The only profile it is played under; by default each."
    )


class Load(Block):
    """The users: the webmail's, or those of a Locust file."""

    locustfile: str | None = Field(
        default=None,
        min_length=1,
        description="A Locust file of your own, beside the incident file or by its path; without it, webmail users.",
    )
    users: int = Field(default=6, ge=0, le=60, description="How many; 0 for none.")
    spawn_rate: PerSecond = Field(default=2.0, gt=0, le=50, description="How many users are started per second.")
    think_time: Percent = Field(
        default=30.0, ge=0, le=1000, description="The users' thinking times, as a share of the usual ones; 0%: none."
    )
    actions: dict[ActionName, Annotated[int, Field(ge=1, le=1000)]] = Field(
        default_factory=dict, description="Weight of each action; those not named are not done. By default all."
    )


class SteadyState(Block):
    """The steady state that the steps start from: every user has a session and every probe is answered."""

    stable_for: Duration = Field(default=2.0, description="For how long without interruption.")
    timeout: Duration = Field(default=90.0, description="Give up when it has not come by then.")


class Step(Block):
    """One step: exactly one of sleep, inject, wait_for, heal, drain, undrain and resign."""

    sleep: Duration | None = Field(default=None, description="Let this much time pass.")
    inject: str | None = Field(default=None, description="The fault to inject (`testbed fault --help` lists them).")
    target: str | None = Field(
        default=None, description="With inject: a node (db1) or a role and its state (db:primary, app:any)."
    )
    options: dict[str, Any] = Field(default_factory=dict, description="With inject: the fault's options, as network.")
    id: str | None = Field(default=None, pattern=_ID, description="With inject: the name that heal knows it by.")
    wait_for: Condition | None = Field(default=None, description="The condition to wait for.")
    probes: list[ProbeName] = Field(
        default_factory=list, description="With wait_for service or no-service: which probes; by default all."
    )
    stable_for: Duration | None = Field(
        default=None, description="With wait_for service or no-service: how long it must hold (1s)."
    )
    timeout: Duration | None = Field(
        default=None, description="With wait_for: the steps end when it has not come by then (60s)."
    )
    heal: str | None = Field(default=None, description="The id of the fault to heal, or all.")
    drain: str | None = Field(
        default=None, description="The app node that gets no new sessions: its name (app-1) or app:any."
    )
    undrain: str | None = Field(default=None, description="The app node to undrain, as it was drained.")
    resign: str | None = Field(
        default=None, description="The balancer or database node that hands its virtual address over: lb:active, db1."
    )

    @property
    def action(self) -> str | None:
        """The fault or operation that the step begins, None if it begins none."""
        return self.inject or (self.drain and "drain") or (self.resign and "resign")

    @property
    def where(self) -> str | None:
        """The target of the fault or operation that the step begins."""
        return self.target or self.drain or self.resign

    @property
    def ends(self) -> str | None:
        """What the step ends: the id of a fault, ``all``, or the target of a drain."""
        return self.heal or self.undrain

    @property
    def known_as(self) -> str:
        """What a later step ends this one by; empty if none can."""
        return self.id or self.drain or ""


def _one_line(text: str) -> str:
    # A title is printed on terminals, which obey control characters.
    if not text.isprintable():
        raise ValueError("the text has a line break or a control character: write one line")
    return text


OneLine = Annotated[str, AfterValidator(_one_line)]


class Incident(Block):
    """One incident."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$", description="What runs of it are called.")
    title: OneLine = Field(min_length=5, max_length=80, description="What happens, in one line.")
    why: str = Field(min_length=10, description="What an operator learns from it.")
    duration: Duration | None = Field(default=None, gt=0, description="How long a run usually takes.")
    cluster: ClusterShape = Field(default_factory=ClusterShape)
    site: Literal["cluster", "single"] = Field(
        default="cluster",
        description="Where users and the site's probes go: the cluster, or the single server that the overlay adds.",
    )
    load: Load = Field(default_factory=Load)
    probe_intervals: dict[ProbeName, Duration] = Field(
        default_factory=dict, description="The time between two samples of a probe, where it differs from usual."
    )
    steady_state: SteadyState = Field(default_factory=SteadyState)
    steps: list[Step] = Field(min_length=1, description="What happens, in order.")
    expect: Expect = Field(default_factory=Expect)
    profiles: Profiles = Field(default_factory=Profiles, description="What differs in each profile.")
    repeat: int = Field(default=1, ge=1, le=1000, description="How many times it is played.")
    seed: int = Field(default=2006, ge=0, description="Of the random choices (app:any, the users' actions).")

    def expected(self, profile: str) -> Profile:
        """Return all that is expected of a cluster of one profile, with its known failures."""
        return merge_expectations(self.expect, self.profiles, profile)
