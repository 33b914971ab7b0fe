"""Reads incident files; whatever is wrong with one is told in one line, with file, line, column and the mend."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from testbed.errors import UsageError
from testbed.scenarios.model import Scenario
from testbed.scenarios.validate import problems
from testbed.topology import Topology
from testbed.yaml_source import INCIDENT, Mistakes, Problem, Source, nearest, validated

FOLDER = "scenarios"
GUIDE = "docs/incidents.md tells more"


def find(name: str, root: Path) -> Path:
    """The file that a command line means by ``name``.

    Args:
        name: a path, or the bare name of an incident in ``scenarios/``.
        root: the checkout.

    Raises:
        UsageError: there is no such file.
    """
    shipped = {path.stem: path for path in sorted((root / FOLDER).glob("*.yaml"))}
    if Path(name).is_file():
        return Path(name)
    if name in shipped:
        return _short(shipped[name])
    raise UsageError(f"no incident file {name!r}", mend=nearest(Path(name).stem, shipped, f"{FOLDER}/ holds"))


def load(
    path: Path,
    topology: Topology | None = None,
    *,
    scale: Mapping[str, int] | None = None,
    patterns: Collection[str] | None = None,
    overlays: Collection[str] | None = None,
) -> Scenario:
    """Read an incident file. No cluster need run.

    Args:
        path: the file.
        topology: the cluster it is played on; without one, what the file says of nodes, faults and networks is taken
            on trust.
        scale: machines of each scaled service, where they differ from the topology's and the file does not say.
        patterns: the names of the log patterns that raise alarms; by default any name goes.
        overlays: the names of the Compose overlays there are; by default any name goes.

    Raises:
        UsageError: the first mistake in the file, as ``file:line:column: what; mend``.
    """
    source = Source.read(path, INCIDENT)
    if not isinstance(source.data, dict):
        raise source.refusal([Problem((), "an incident is a mapping of keys", f"begin with `name: ...`; {GUIDE}")])
    source.refuse_ambiguous()
    try:
        scenario = validated(Scenario, source.data, source.written, GUIDE)
    except Mistakes as mistakes:
        raise source.refusal(mistakes.problems) from None
    if found := list(problems(scenario, topology, scale, patterns, overlays)):
        raise source.refusal(found)
    return scenario


def _short(path: Path) -> Path:
    """The path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
