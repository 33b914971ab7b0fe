"""The ``x-testbed`` keys: what testbed needs to know beyond Compose.

These models are the schema: ``testbed schema`` publishes them for editors, and every key that is not here is refused.
"""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from testbed.designs.layout_registry import DEFAULT_PROFILE, PROFILES
from testbed.topology.base_keys import Keys, Name
from testbed.topology.declared_probes import DeclaredProbe, OneLine, SitePath

Port = Annotated[int, Field(ge=1, le=65535)]
Store = Literal["files", "database"]
Platform = Literal["debian", "openbsd"]
Filesystem = Literal["ext3", "ext4", "xfs", "btrfs"]
# Docker's reference of an image: a registry, a path, and a tag or digest (github.com/distribution/reference).
_IMAGE_PART = r"[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
_IMAGE_NAME = (
    rf"^([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/)?({_IMAGE_PART})(/({_IMAGE_PART}))*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$"
)
ImageName = Annotated[str, Field(max_length=300, pattern=_IMAGE_NAME)]
# A path as the app node is asked for it. A quote would end the setting that holds it, and a brace is Apache's own.
HealthPath = Annotated[str, Field(max_length=200, pattern=r"^/[A-Za-z0-9._~/?=&,:@+-]*$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Prefix = Annotated[str, Field(pattern=r"^/([A-Za-z0-9._~-]+/)*$")]
if TYPE_CHECKING:
    Profile = str
else:
    Profile = Literal[PROFILES]
# Nodes of the app service, such as app-1, or all of them.
Nodes = Literal["all"] | Annotated[tuple[Name, ...], Field(min_length=1)]


def _environment_value(value: object) -> object:
    """Return the value of an environment variable; YAML's other types have several spellings as a text.

    Raises:
        ValueError: it is neither a text nor a whole number.
    """
    if value is None or value == "":
        raise ValueError("the value is missing or empty: write one, or leave the variable out")
    if isinstance(value, bool | float):
        raise ValueError(f"{value!r} is not a text: put it in quotes")  # noqa: TRY004 - pydantic wants this error
    if isinstance(value, str) and not value.isprintable():
        raise ValueError(f"{value!r} has more than one line, or a control character: write one line")
    return value


def is_image_name(text: str) -> bool:
    """Return whether a text may be the name of a container image."""
    return re.fullmatch(_IMAGE_NAME, text) is not None


class Role(StrEnum):
    """The role of a node."""

    BALANCER = "balancer"
    APP = "app"
    DATABASE = "database"
    MAIL = "mail"
    CLIENT = "client"
    OBSERVER = "observer"
    GATEWAY = "gateway"
    SINGLE = "single"
    ARBITER = "arbiter"


class VirtualAddress(Keys):
    """An address that moves between nodes."""

    address: IPv4Address = Field(description="The address that moves.")
    network: str = Field(description="The network it lives on.")


class Site(VirtualAddress):
    """What the balancers serve."""

    name: str = Field(pattern=r"^[a-z0-9.-]+$", description="The site's DNS name; the certificate is made for it.")


class Database(VirtualAddress):
    """What the two database nodes serve."""

    filesystem: Filesystem | None = Field(
        None, description="Filesystem on the replicated volume, where the database design has one."
    )
    design: Name | None = Field(
        None, description="The database design, a package of src/testbed/designs; by default the first."
    )


class Mail(Keys):
    """The campus mail server's population."""

    users: int = Field(ge=50, le=500, description="How many users have mail (user01, user02, ...).")
    seed: int = Field(ge=0, description="Seed of the generated mail: the same seed gives the same messages.")


class SessionKeys(Keys):
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


class Php(Keys):
    """What PHP is to an application: each has a server and a php.ini of its own."""

    settings: dict[
        Annotated[str, Field(pattern=r"^[a-z0-9_.]+$")], int | Annotated[str, Field(pattern=r"^[^\"\n]*$")]
    ] = Field(default_factory=dict, description="Settings of its php.ini, over those that all applications share.")
    extensions: Literal["all"] | tuple[Name, ...] = Field("all", description="The extensions that are loaded for it.")


class ReadBack(Keys):
    """Where an application shows the work that it has acknowledged: a page, or a query of its own database."""

    url: SitePath | None = Field(default=None, description="A page of the site that lists all tokens, one a line.")
    query: OneLine | None = Field(
        default=None,
        description="A query of the application's database. The first column of its rows holds the tokens.",
    )


class Application(Keys):
    """A program that app nodes run, on a port of its own behind a pool of its own."""

    kind: Literal["php", "wsgi", "command", "image"] = Field(
        description="Apache with PHP, Python's WSGI under Gunicorn, any command that serves HTTP, or a container image."
    )
    port: Port = Field(description="Where it listens on each of its app nodes.")
    path: Prefix = Field(description="The URLs that are its: a prefix such as /wiki/; the longest one wins.")
    nodes: Nodes = Field("all", description="The app nodes that run it: all of them, or a list such as [app-2].")
    code: Name | None = Field(None, description="Its folder below applications/ on the app nodes; by default its name.")
    processes: int = Field(4, ge=1, le=200, description="How many requests a node works on at a time, at most.")
    state: Literal["local", "shared"] = Field(
        "local",
        description="Where its files are: on each node, or on the volume that all nodes share.",
    )
    command: Annotated[OneLine, Field(pattern=r"^[^\x00-\x1f\x7f']*$")] | None = Field(
        default=None,
        description="For the kind command: what a shell runs in the folder of its code. It serves HTTP at $PORT. "
        "For the kind image: arguments that replace the image's own (CMD).",
    )
    image: ImageName | None = Field(
        default=None, description="For the kind image: the container image, by its name in the Docker engine."
    )
    environment: dict[
        Variable, Annotated[OneLine | Annotated[int, Field(strict=True)], BeforeValidator(_environment_value)]
    ] = Field(
        default_factory=dict,
        description="For the kind image: its environment variables, by names of letters, digits and _. {PORT}, "
        "{PGPASSWORD} and the like are replaced in the values.",
    )
    strip_path: bool = Field(
        default=False, description="Whether the application sees its URLs without `path`: /notes/a as /a."
    )
    health: HealthPath | None = Field(
        default=None,
        description="The path whose answer shows that the application serves, such as /healthz?full=1, as the app node "
        "is asked for it. It has no host, no space and no escape. By default it is /alive, and for the kind image the "
        "application's own first page.",
    )
    database: bool = Field(
        default=False,
        description="Whether it has a database and a role of its name at the database's address.",
    )
    read_back: ReadBack | None = Field(
        default=None, description="Where acknowledged work can be read back, for the check `durability`."
    )
    php: Php = Field(Php.model_validate({}), description="Only for PHP.")

    @property
    def health_path(self) -> str:
        """The path whose answer shows that the application serves, as an app node is asked for it."""
        if self.health is not None:
            return self.health
        if self.kind != "image":
            return "/alive"
        return "/" if self.strip_path else self.path

    @property
    def has_own_health(self) -> bool:
        """Whether the application itself answers for its health, and not the server that testbed gives it."""
        return self.health is not None or self.kind == "image"


class Dispatch(Keys):
    """A rule for requests that do not go by their path alone: all that it names must be so, the first rule wins."""

    name: Name = Field(description="What the rule is called.")
    path: Prefix | None = Field(None, description="What the URL begins with.")
    client: IPv4Network | None = Field(None, description="The network the client is in.")
    header: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], Annotated[str, Field(pattern=r"^[\w ./;=*+-]*$")]
    ] = Field(default_factory=dict, description="Request headers and their values.")
    content: str | None = Field(
        None, pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$", description="The media type of the request's body."
    )
    over: int | None = Field(None, ge=0, description="The request's body is larger, in bytes.")
    application: Name = Field(description="The application that gets these requests.")
    nodes: Nodes = Field("all", description="Those of its app nodes that get them.")


class ProjectKeys(Keys):
    """``x-testbed`` at the top of the Compose file."""

    site: Site
    database: Database
    mail: Mail
    releases: Releases
    sessions: SessionKeys = Field(default_factory=SessionKeys)
    applications: dict[Name, Application] = Field(description="What the app nodes run; the webmail is one of them.")
    dispatch: tuple[Dispatch, ...] = Field((), description="Rules that come before the applications' paths.")
    probes: dict[Name, DeclaredProbe] = Field(
        default_factory=dict, description="Probes of your own, by name. They run in every run, as the built-in ones do."
    )
    profile: Profile = Field(DEFAULT_PROFILE, description="The variant of the database design.")


class ServiceKeys(Keys):
    """``x-testbed`` of one service."""

    role: Role = Field(description="The role of the node.")
    machine: Literal["container", "virtual"] = Field("container", description="Whether the container holds a VM.")
    platform: Platform = Field("debian", description="The operating system that does the work.")
