"""What all blocks of ``x-testbed`` keys have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# A name that stands in file names, host names and a balancer's configuration.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class Keys(BaseModel):
    """Base of all x-testbed blocks: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
