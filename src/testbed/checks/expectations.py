"""What an incident file expects: the block ``expect``, and what differs in each profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    create_model,
    model_serializer,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from testbed.checks.check import CHECKS
from testbed.designs.layout_registry import PROFILES, similar_profile
from testbed.probes.probe_registry import PROBES
from testbed.units import Duration

# As the topology has it; this module knows no topology.
_NAME = r"^[a-z][a-z0-9-]{0,30}$"
# The name of a probe, built-in or declared. A file is checked against the probes of its cluster when that is known.
ProbeName = Annotated[
    str,
    Field(pattern=_NAME),
    WithJsonSchema({"type": "string", "anyOf": [{"enum": list(PROBES)}, {"pattern": _NAME}]}),
]


class _RegisteredName:
    """Makes a text the name of a registered check, in validation and in the schema."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_after_validator_function(cls._known, handler(source))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "enum": list(CHECKS)}

    @staticmethod
    def _known(name: str) -> str:
        if name not in CHECKS:
            *others, last = map(repr, CHECKS)
            raise PydanticKnownError("literal_error", {"expected": f"{', '.join(others)} or {last}"})
        return name


CheckName = Annotated[str, _RegisteredName]
Owner = Literal["unchanged", "moved"]
if TYPE_CHECKING:
    ProfileName = str
else:
    ProfileName = Literal[PROFILES]


class Expect(BaseModel):
    """What must be true of a run, besides what every run must fulfil."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_outage: dict[ProbeName, Duration] = Field(
        default_factory=dict, description="The longest outage that each probe may see; 0s: none that it can resolve."
    )
    must_notice: list[ProbeName] = Field(
        default_factory=list, description="Probes that must see an outage; otherwise the fault had no effect."
    )
    no_service_until_heal: list[ProbeName] = Field(
        default_factory=list,
        description="Probes that must get no good answer from the last fault to the first heal after it.",
    )
    max_outage_after_heal: dict[ProbeName, Duration] = Field(
        default_factory=dict,
        description="The longest outage that each probe may see from the first heal after the last fault.",
    )
    no_failback: bool = Field(
        default=False, description="No address moves after that heal: the node that returns does not take over."
    )
    address_owner: dict[Literal["site", "database"], Owner] = Field(
        default_factory=dict,
        description="Which node holds each virtual address at the end: the same as at the start, or its peer.",
    )
    must_affect_sessions: bool = Field(
        default=False, description="Some session must live on a node that dies; otherwise stickiness was not tested."
    )
    max_failed_logins: int | None = Field(default=None, ge=0, description="How many logins may fail.")
    max_lost_sessions: int | None = Field(
        default=None, ge=0, description="How many sessions may be lost, whatever the reason."
    )
    max_recovery: Duration | None = Field(
        default=None,
        description="The longest time from the last heal until replication is healthy and every app node in the pool.",
    )
    isolation: bool = Field(
        default=False, description="Scan every node from `public`: nothing behind the balancers may answer."
    )
    allow_alarms: list[str] = Field(
        default_factory=list, description="Log patterns that may appear; every other one fails the run."
    )


class Profile(Expect):
    """What differs in one profile: each key replaces that of ``expect``, of a mapping only the entries it names."""

    known_failures: dict[CheckName, str] = Field(
        default_factory=dict,
        description="Checks that are known to fail, each with the reason: such a failure does not fail the run.",
    )

    @model_serializer(mode="wrap")
    def _as_in_the_file(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only the keys that the file has: what it leaves out is not expected to be nothing."""
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


class ProfileBlocks(BaseModel):
    """What differs in each profile: a key for every profile of every database design."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __getitem__(self, name: str) -> Profile:
        """The block of one profile."""
        found: Profile = getattr(self, name)
        return found


if TYPE_CHECKING:
    Profiles = ProfileBlocks
else:
    Profiles = create_model(
        "Profiles",
        __base__=ProfileBlocks,
        __doc__="What differs in each profile.",
        **{
            name: (Profile, Field(default_factory=Profile, description=f"On a cluster with the profile {name}."))
            for name in PROFILES
        },
    )


def merge_expectations(expect: Expect, profiles: Profiles, profile: str) -> Profile:
    """Return all that is expected of a cluster of one profile, with its known failures.

    A profile without a block of its own has the block of the profile that it is like.
    """
    mine = profiles[profile]
    if not mine.model_fields_set:
        mine = profiles[similar_profile(profile)]
    values = {name: getattr(expect, name) for name in Expect.model_fields}
    for name in mine.model_fields_set:
        values[name] = _laid_over(values.get(name), getattr(mine, name))
    return Profile.model_construct(**values)


def recorded_expectations(incident: Mapping[str, Any], profile: str) -> Profile:
    """Return all that an incident's data, as a journal holds it, expects of a cluster of one profile.

    Raises:
        ValidationError: the data is not that.
    """
    expect = Expect.model_validate(incident.get("expect", {}))
    return merge_expectations(expect, Profiles.model_validate(incident.get("profiles", {})), profile)


def _laid_over(general: object, special: object) -> object:
    return {**general, **special} if isinstance(general, dict) and isinstance(special, dict) else special
