"""The table ``x-testbed.probes``: probes that a user declares beside the built-in ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from testbed.topology.base_keys import Keys, Name
from testbed.units import Duration, format_duration
from testbed.yaml_source import Problem, nearest

if TYPE_CHECKING:
    from testbed.topology.model import Topology

# The names of the built-in probes, which are above the topology: a test compares them with the registry.
BUILT_IN_PROBES = ("tcp", "https", "webmail", "sql-read", "sql-write")
SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.005, 60.0
# A path of the site, as it stands in a request's first line (RFC 9112, section 3.2.1).
SitePath = Annotated[str, Field(pattern=r"^/[!-~]*$")]
OneLine = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f\x7f]*$")]
Resource = Literal["site", "database"]


class HttpExpect(Keys):
    """What a good answer to a declared HTTP probe is."""

    status: int = Field(default=200, ge=100, le=599, description="The status of a good answer.")
    text: str = Field(default="", max_length=2000, description="A text that the body of a good answer contains.")


class HttpProbeKeys(Keys):
    """A probe that requests a page of the site."""

    kind: Literal["http"] = Field(description="It requests a page through the site's address.")
    url: SitePath = Field(description="The page: path and query on the site, such as /shop/?page=2.")
    expect: HttpExpect = Field(default_factory=HttpExpect, description="What a good answer is.")
    session: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        description="The cookie whose value names a session. The probe keeps it, and `stickiness` judges it.",
    )
    interval: Duration = Field(default=1.0, description="The time between two samples: 5ms to 60s.")
    needs: tuple[Resource, ...] = Field(
        default=("site",), min_length=1, description="What must work for a good answer: site, database, or both."
    )


class SqlExpect(Keys):
    """What a good answer to a declared SQL probe is."""

    text: str = Field(default="", max_length=2000, description="The first value of the first row of a good answer.")


class SqlProbeKeys(Keys):
    """A probe that runs a query."""

    kind: Literal["sql"] = Field(description="It runs a query at the database's address.")
    query: OneLine = Field(
        description="One SQL statement. {token} in it stands for a text that is unique for each sample."
    )
    application: Name | None = Field(
        default=None, description="The application whose database it is. By default the probes' own database."
    )
    expect: SqlExpect = Field(default_factory=SqlExpect, description="What a good answer is.")
    interval: Duration = Field(default=1.0, description="The time between two samples: 5ms to 60s.")


DeclaredProbe = Annotated[HttpProbeKeys | SqlProbeKeys, Field(discriminator="kind")]


def as_data(probes: Mapping[str, HttpProbeKeys | SqlProbeKeys]) -> dict[str, dict[str, Any]]:
    """Return declared probes as plain data, as the journal and the probes' program get them; seconds are numbers."""
    return {name: {**probe.model_dump(mode="json"), "interval": probe.interval} for name, probe in probes.items()}


def probe_problems(topology: Topology) -> Iterator[Problem]:
    """All the rules of declared probes that ``topology`` breaks."""
    for name, probe in topology.probes.items():
        path = ("x-testbed", "probes", name)
        if name in BUILT_IN_PROBES:
            yield Problem(path, f"{name!r} is a built-in probe", "give it another name", at_key=True)
        if not SHORTEST_INTERVAL <= probe.interval <= LONGEST_INTERVAL:
            what = f"no probe can be sent every {format_duration(probe.interval)}"
            yield Problem((*path, "interval"), what, "use 5ms to 60s")
        if isinstance(probe, SqlProbeKeys) and probe.application is not None:
            with_database = [each for each, application in topology.applications.items() if application.database]
            if probe.application not in with_database:
                what = f"no application {probe.application!r} with a database"
                yield Problem((*path, "application"), what, nearest(probe.application, with_database, "there are"))
