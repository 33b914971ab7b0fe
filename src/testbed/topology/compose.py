"""Reads the Compose files through ``docker compose config``, so that what testbed sees is what Compose runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from testbed.designs.layout_registry import DEFAULT_NAME
from testbed.errors import TestbedError, UsageError
from testbed.output_line import last_line
from testbed.topology.applications import application_problems
from testbed.topology.base_keys import Keys
from testbed.topology.declared_probes import probe_problems
from testbed.topology.keys import ProjectKeys, ServiceKeys
from testbed.topology.merge_cache import cached_merge
from testbed.topology.model import Node, Topology, problems
from testbed.topology.sources import Sources, is_ours
from testbed.yaml_source import COMPOSE, KeyPath, Mistakes, Problem, validated

GUIDE = "see compose/x-testbed.schema.json"
Block = TypeVar("Block", bound=Keys)
Parsed = TypeVar("Parsed", IPv4Address, IPv4Network)


def load(
    files: Sequence[Path],
    environment: Mapping[str, str] | None = None,
    scale: Mapping[str, int] | None = None,
    cache: Path | None = None,
) -> Topology:
    """Read, merge and validate Compose files.

    Args:
        files: the Compose file and its overlays, in order.
        environment: variables for Compose's interpolation, over the process's own.
        scale: nodes of a scaled service, where it differs from the files.
        cache: the folder that holds what Compose last made of the files; None to ask Compose.

    Raises:
        UsageError: a file is missing or refused by Compose, or an x-testbed key or an address is wrong.
    """
    for file in files:
        if not file.is_file():
            known = ", ".join(sorted(path.stem for path in file.parent.glob("*.yaml"))) or "none"
            raise UsageError("no such Compose file", where=str(file), fix=f"there are: {known}")
    return _resolve(read_merged(files, environment or {}, cache), Sources(files), scale)


def compose_config(files: Sequence[Path], environment: Mapping[str, str]) -> str:
    """Return what ``docker compose config`` prints for some Compose files.

    Args:
        files: the Compose file and its overlays, in order.
        environment: variables for Compose's interpolation, over the process's own.

    Raises:
        UsageError: Compose is missing, or refuses a file.
        TestbedError: it does not end.
    """
    # YAML, not JSON: Compose 2.26 drops service-level x- keys from its JSON form.
    command = ["docker", "compose", *(word for file in files for word in ("-f", str(file))), "config"]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **environment}, timeout=60
        )
    except FileNotFoundError:
        raise UsageError(
            "docker is not installed", fix="`make testbed-up` installs it, `testbed doctor` shows more"
        ) from None
    except subprocess.TimeoutExpired:
        raise TestbedError("docker compose config does not end", where=files[-1].name, fix="try it by hand") from None
    if result.returncode:
        if "is not a docker command" in result.stderr or "unknown shorthand flag: 'f'" in result.stderr:
            raise UsageError("Docker has no Compose v2 plugin", fix="`make testbed-up` installs it")
        reason = last_line(result.stderr, otherwise="docker compose config failed")
        named = [file for file in files if str(file) in reason]
        raise UsageError(reason, where=str((named or files)[-1]), fix="correct the Compose file")
    return result.stdout


def merge(files: Sequence[Path], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return some Compose files as Compose merges them; the arguments and errors are those of ``compose_config``."""
    from testbed.yaml_source import Source  # noqa: PLC0415 - the parser takes 10 ms to import; a cache replaces it

    merged = Source(Path("docker compose config"), compose_config(files, environment), COMPOSE).data
    if not isinstance(merged, dict):
        raise TestbedError("docker compose config prints no mapping", where=files[-1].name, fix="try it by hand")
    return merged


def read_merged(files: Sequence[Path], environment: Mapping[str, str], cache: Path | None = None) -> dict[str, Any]:
    """Return some Compose files as Compose merges them, with testbed's blocks typed as the files have them.

    The arguments and errors are those of ``load``, without those of wrong keys and addresses.
    """

    def merge_typed() -> dict[str, Any]:
        sources = Sources(files)
        sources.check()  # before Compose, whose own errors name a line of a file at best
        return sources.typed_blocks(merge(files, environment))

    return merge_typed() if cache is None else cached_merge(files, environment, cache, merge_typed)


def resolve(merged: Mapping[str, Any], files: Sequence[Path], scale: Mapping[str, int] | None = None) -> Topology:
    """Validate a merged Compose configuration.

    Args:
        merged: what ``docker compose config`` prints, parsed.
        files: the sources, for the place of a mistake.
        scale: nodes of a scaled service, where it differs from the files.

    Raises:
        UsageError: with file, line, column, what is wrong and how to fix it.
    """
    sources = Sources(files)
    sources.check()
    return _resolve(sources.typed_blocks(merged), sources, scale)


def _resolve(merged: Mapping[str, Any], sources: Sources, scale: Mapping[str, int] | None) -> Topology:
    project = _validated(ProjectKeys, _keys(merged, sources), ("x-testbed",), sources)
    topology = Topology(
        project=str(merged["name"]),
        site=project.site,
        database=project.database,
        mail=project.mail,
        releases=project.releases,
        networks=_subnets(merged, sources),
        nodes={
            name: _node(name, service, sources, scale or {}, project.database.design or DEFAULT_NAME)
            for name, service in merged["services"].items()
            if "x-testbed" in service  # an overlay may add services of its own that do not belong to the cluster
        },
        applications=project.applications,
        dispatch=project.dispatch,
        profile=project.profile,
        sessions=project.sessions,
        volumes=tuple(str(each["name"]) for each in made(merged, "volumes").values() if "name" in each),
        probes=project.probes,
    )
    for problem in chain(problems(topology), application_problems(topology), probe_problems(topology)):
        raise sources.refusal(problem)
    return topology


def labelled(
    files: Sequence[Path], environment: Mapping[str, str], labels: Mapping[str, str], cache: Path | None = None
) -> dict[str, Any]:
    """Return an overlay that labels every service, network and volume of some Compose files.

    Args:
        files: the Compose file and its overlays, in order.
        environment: variables for Compose's interpolation, over the process's own.
        labels: what is to be on each.
        cache: as for ``load``.

    Raises:
        UsageError: Compose refuses a file.
    """
    merged = read_merged(files, environment, cache)
    return {
        section: {name: {"labels": dict(labels)} for name in found}
        for section in ("services", "networks", "volumes")
        if (found := made(merged, section))
    }


def made(merged: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]]:
    """Return what Compose makes of a section of its merged files; what is ``external`` is somebody else's.

    Args:
        merged: what ``docker compose config`` prints, parsed.
        section: ``services``, ``networks`` or ``volumes``.
    """
    found = {name: each or {} for name, each in (merged.get(section) or {}).items()}
    return {name: each for name, each in found.items() if not each.get("external")}


def _keys(merged: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    """The block ``x-testbed``, with each overlay's ``x-testbed-NAME`` laid over it: Compose itself would replace it.

    What an overlay sets to nothing (``wiki:`` or ``wiki: null``) is taken away.
    """
    ours = {name: block for name, block in merged.items() if is_ours(name)}
    for name, block in ours.items():
        if not isinstance(block, dict | None):
            what = f"a {type(block).__name__} where keys belong"
            raise sources.refusal(Problem((name,), what, "write keys below it, as compose/cluster.yaml does"))
    keys = dict(ours.get("x-testbed") or {})
    for name, block in ours.items():
        if name.startswith("x-testbed-"):
            for key, value in (block or {}).items():
                old = keys.get(key)
                both = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
                keys[key] = (
                    {name: each for name, each in both.items() if each is not None} if both is not value else both
                )
    return keys


def _subnets(merged: Mapping[str, Any], sources: Sources) -> dict[str, IPv4Network]:
    """Each network's subnet; a network without one of its own cannot hold fixed addresses and is left out."""
    found = {}
    for name, network in merged.get("networks", {}).items():
        configuration = (network or {}).get("ipam", {}).get("config") or [{}]
        if "subnet" in configuration[0]:
            path = ("networks", name, "ipam", "config")
            found[name] = _parsed(IPv4Network, configuration[0]["subnet"], path, sources)
    return found


def _parsed(kind: Callable[[str], Parsed], text: object, path: KeyPath, sources: Sources) -> Parsed:
    try:
        return kind(str(text))
    except ValueError as error:
        raise sources.refusal(Problem(path, str(error), "write it as 198.18.0.10, a subnet as 198.18.0.0/24")) from None


def _node(name: str, service: Mapping[str, Any], sources: Sources, scale: Mapping[str, int], design: str) -> Node:
    path = ("services", name)
    block = (*path, "x-testbed")
    addresses: dict[str, IPv4Address | None] = {}
    for network, options in service.get("networks", {}).items():
        text = (options or {}).get("ipv4_address")
        place = (*path, "networks", network, "ipv4_address")
        addresses[network] = None if text is None else _parsed(IPv4Address, text, place, sources)
    return Node(
        name=name,
        keys=_validated(ServiceKeys, service["x-testbed"], block, sources),
        image=str(service.get("image", "")),
        scale=scale.get(name, int(service.get("scale", 1))),
        addresses=addresses,
        environment={key: str(value) for key, value in (service.get("environment") or {}).items()},
        design=design,
    )


def _validated(model: type[Block], data: object, path: KeyPath, sources: Sources) -> Block:
    def written(place: KeyPath) -> str:
        value: Any = data
        for key in place[len(path) :]:
            value = value[key]
        return sources.written(place, value)

    try:
        return validated(model, data if data is not None else {}, written, GUIDE, path)
    except Mistakes as mistakes:
        # A mistyped key explains why another one is missing.
        raise sources.refusal(min(mistakes.problems, key=lambda each: not each.at_key)) from None
