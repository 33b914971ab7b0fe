"""The ``x-testbed`` keys: what testbed needs to know beyond Compose.

These models are the schema: ``testbed schema`` publishes them for editors, and every key that is not here is refused.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1024, le=65535)]
Profile = Literal["reference", "hardened"]
Store = Literal["files", "database"]


class Role(StrEnum):
    """What a machine is for."""

    BALANCER = "balancer"
    APP = "app"
    DATABASE = "database"
    MAIL = "mail"
    CLIENT = "client"
    OBSERVER = "observer"
    GATEWAY = "gateway"


class Keys(BaseModel):
    """Base of all x-testbed blocks: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class VirtualAddress(Keys):
    """An address that moves between machines."""

    address: IPv4Address = Field(description="The address that moves.")
    network: str = Field(description="The network it lives on.")


class Site(VirtualAddress):
    """What the balancers serve."""

    name: str = Field(pattern=r"^[a-z0-9.-]+$", description="The site's DNS name; the certificate is made for it.")


class Database(VirtualAddress):
    """What the two database machines serve."""

    filesystem: Literal["ext3", "ext4", "xfs"] = Field(description="Filesystem on the DRBD device.")


class Mail(Keys):
    """The campus mail server's population."""

    users: int = Field(ge=50, le=500, description="How many users have mail (user01, user02, ...).")
    seed: int = Field(ge=0, description="Seed of the generated mail: the same seed gives the same messages.")


class Sessions(Keys):
    """Where the webmail keeps what it knows of a user between two requests."""

    store: Store = Field(
        default="files",
        description="Files of the app node, to which the balancers send each user; or the database: any node will do.",
    )
    padding: int = Field(
        default=0, ge=0, le=1024, description="KiB that are added to each session: the users of 2006 had 50 to 100 KB."
    )


class Releases(Keys):
    """Debian releases, by code name."""

    base: str = Field(pattern=r"^[a-z]+$", description="Balancers, mail, client and the database guests.")
    app: str = Field(pattern=r"^[a-z]+$", description="App nodes: the last release whose Horde runs unmodified.")
    vm: str = Field(pattern=r"^[a-z]+$", description="The containers that run QEMU.")


class ProjectKeys(Keys):
    """``x-testbed`` at the top of the Compose file."""

    site: Site
    database: Database
    mail: Mail
    releases: Releases
    sessions: Sessions = Field(default_factory=Sessions)
    profile: Profile = Field(
        "reference", description="The 2006 design as it was, or with its known holes closed (hardened)."
    )


class ServiceKeys(Keys):
    """``x-testbed`` of one service."""

    role: Role = Field(description="What the machine is for.")
    machine: Literal["container", "virtual"] = Field("container", description="Whether the container holds a VM.")
    platform: Literal["debian", "openbsd"] = Field("debian", description="The operating system that does the work.")
    ports: dict[str, Port] = Field(default_factory=dict, description="Application name to its listener's port.")
