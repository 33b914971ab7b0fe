"""What the shell proposes when Tab is pressed: the names of nodes, faults, incidents and runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps

from testbed import settings as configuration


def _quietly(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Have a completion propose nothing where names cannot be had: an error would garble the command line."""

    @wraps(names)
    def complete(incomplete: str) -> list[str]:
        with suppress(Exception):
            return [name for name in names() if name.startswith(incomplete)]
        return []

    # Typer looks at the signature to know what it may pass.
    del complete.__wrapped__
    return complete


@_quietly
def nodes() -> Iterable[str]:
    """The nodes of the cluster that is up."""
    from testbed.cluster import Cluster  # noqa: PLC0415 - only when Tab is pressed

    return [machine.name for machine in Cluster().fleet.machines()]


@_quietly
def faults() -> Iterable[str]:
    """The faults that can be injected."""
    from testbed.faults import FAULTS  # noqa: PLC0415 - only when Tab is pressed

    return list(FAULTS)


@_quietly
def incidents() -> Iterable[str]:
    """The incidents that ship."""
    folder = configuration.load().root / "incidents"
    return sorted(path.stem for path in folder.glob("*.y*ml"))


@_quietly
def runs() -> Iterable[str]:
    """The runs, the latest first."""
    from testbed.report.run_folders import list_runs as folders  # noqa: PLC0415 - only when Tab is pressed

    return [folder.name for folder in reversed(folders(configuration.load().state_dir / "runs"))]
