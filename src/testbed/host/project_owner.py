"""Whose the project's name is: ours, another testbed cluster's, or a project that testbed did not make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import docker

from testbed.errors import UsageError
from testbed.host import identity
from testbed.host.host_check import HostCheck, fail, join_names, ok
from testbed.settings import CLUSTER_LABEL, PROJECT_LABEL, TOPOLOGY, Settings

_FOLDER = f"{PROJECT_LABEL}.working_dir"
# Every image that testbed builds has it, and a container inherits it (images/input_hash.py).
_BUILT_LABEL = "org.testbed.inputs"
_ALIVE = ("running", "paused", "restarting")


@dataclass(frozen=True)
class Resource:
    """A container, a network or a volume.

    Args:
        kind: ``container``, ``network`` or ``volume``.
        name: the engine's name for it.
        running: whether a container runs.
        networks: identities of the networks that a container is on; of a network, its own.
    """

    kind: str
    name: str
    labels: Mapping[str, str]
    running: bool = False
    networks: frozenset[str] = frozenset()

    @property
    def cluster(self) -> str:
        """The identity that it carries, empty without one."""
        return self.labels.get(CLUSTER_LABEL, "")

    @property
    def folder(self) -> Path | None:
        """The folder that Compose was run in, of a container that Compose made."""
        return Path(self.labels[_FOLDER]) if _FOLDER in self.labels else None

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}"


class Owner(StrEnum):
    """Whose the project's name is."""

    NONE = "none"
    OURS = "ours"
    ABANDONED = "abandoned"  # another testbed cluster's, which is off; --take-over removes it
    USED = "used"  # another testbed cluster's, which runs
    FOREIGN = "foreign"  # of a project that testbed did not make, or of a testbed that made no labels


@dataclass(frozen=True)
class NameClaim:
    """Who has the project's name.

    Args:
        owner: who.
        what: what is there, one line.
        fix: how to fix it; empty when nothing is wrong.
        clusters: identities of other testbed clusters with this name.
        added: containers without an identity on the cluster's own networks, which another tool added to it.
        exists: whether the cluster has containers, with its identity or added to it.
    """

    owner: Owner
    what: str
    fix: str = ""
    clusters: frozenset[str] = frozenset()
    added: tuple[str, ...] = ()
    exists: bool = False

    @property
    def finding(self) -> HostCheck:
        """The claim as `testbed doctor` prints it."""
        good = self.owner in (Owner.NONE, Owner.OURS)
        return ok("project", self.what) if good else fail("project", self.what, self.fix)

    def must_be_ours(self, *, take_over: bool = False) -> None:
        """Refuse a name that another project has.

        Args:
            take_over: the user wants an abandoned testbed cluster removed.

        Raises:
            UsageError: it stays.
        """
        free = (Owner.NONE, Owner.OURS, *((Owner.ABANDONED,) if take_over else ()))
        if self.owner not in free:
            raise UsageError(self.what, where="project", fix=self.fix)

    def must_be_alone(self) -> None:
        """Refuse to remove networks that a container is on which testbed did not make.

        Raises:
            UsageError: there is one.
        """
        if self.added:
            raise UsageError(
                foreign_containers(self.added),
                where="project",
                fix="if `docker compose up` made it from this checkout's files, `testbed up` takes it back; "
                f"else remove it: `docker rm --force {' '.join(self.added)}`",
            )


def foreign_containers(names: Sequence[str]) -> str:
    """Return the message about containers that testbed did not make, on networks that it did.

    Args:
        names: the containers, at least one.
    """
    if len(names) == 1:
        return f"testbed did not make the container {names[0]}, which is on the cluster's network"
    return f"testbed did not make the containers {join_names(names)}, which are on the cluster's networks"


def claim(engine: docker.DockerClient, settings: Settings) -> NameClaim:
    """Return who has the project's name on this engine."""
    found = {(each.kind, each.name): each for label in _labels(settings) for each in survey(engine, label)}
    return judge(list(found.values()), settings, identity.read(settings))


def must_be_ours(engine: docker.DockerClient, settings: Settings) -> None:
    """Refuse to touch what is not this checkout's cluster.

    Raises:
        UsageError: another project has the name.
    """
    claim(engine, settings).must_be_ours()


def must_have_names(engine: docker.DockerClient, names: Iterable[str], clusters: Iterable[str]) -> None:
    """Refuse volumes of the cluster's names that are not its own: Compose would use one that has no label at all.

    Args:
        engine: has the volumes.
        names: the cluster's volumes.
        clusters: identities that such a volume may carry.

    Raises:
        UsageError: there are such volumes; the message names all.
    """
    expected, known = set(names), set(clusters)
    foreign = [
        f"the volume {volume['Name']}"
        for volume in engine.api.volumes()["Volumes"] or []
        if volume["Name"] in expected and (volume.get("Labels") or {}).get(CLUSTER_LABEL) not in known
    ]
    if foreign:
        there, them = ("is there", "it") if len(foreign) == 1 else ("are there", "them")
        raise UsageError(
            f"{join_names(foreign)} {there} already, and testbed did not make {them}",
            fix=f"set COMPOSE_PROJECT_NAME to another name, or rename or remove {them}",
        )


def _labels(settings: Settings) -> Iterator[str]:
    yield f"{PROJECT_LABEL}={settings.project}"
    if known := identity.read(settings):
        yield f"{CLUSTER_LABEL}={known}"


def survey(engine: docker.DockerClient, label: str) -> Iterator[Resource]:
    """List the containers, networks and volumes with a label.

    Args:
        engine: has them.
        label: ``key=value``.
    """
    only = {"label": label}
    for each in engine.api.containers(all=True, filters=only):
        ends: Mapping[str, Any] = (each.get("NetworkSettings") or {}).get("Networks") or {}
        networks = frozenset(str(end.get("NetworkID")) for end in ends.values())
        name = (each.get("Names") or [each["Id"][:12]])[0].lstrip("/")
        yield Resource("container", name, each.get("Labels") or {}, each.get("State") in _ALIVE, networks)
    for each in engine.api.networks(filters=only):
        yield Resource("network", each["Name"], each.get("Labels") or {}, networks=frozenset({each["Id"]}))
    for each in engine.api.volumes(filters=only)["Volumes"] or []:
        yield Resource("volume", each["Name"], each.get("Labels") or {})


def judge(resources: Sequence[Resource], settings: Settings, ours: str) -> NameClaim:
    """Return who has the project's name. Pure but for a look whether a folder exists.

    Args:
        resources: all that have the project's name or our identity.
        settings: the project and the folders.
        ours: our identity, empty when there is none.
    """
    project = settings.project
    mine = [each for each in resources if ours and each.cluster == ours]
    if away := [each for each in mine if each.labels.get(PROJECT_LABEL, project) != project]:
        other = away[0].labels[PROJECT_LABEL]
        return NameClaim(
            Owner.USED, f"{settings.state_dir} belongs to the cluster {other}, not to {project}",
            f"set COMPOSE_PROJECT_NAME={other}, or TESTBED_STATE to another folder",
        )  # fmt: skip
    networks = frozenset[str]().union(*(each.networks for each in mine if each.kind == "network"))
    added = [each for each in resources if not each.cluster and each.kind == "container" and each.networks & networks]
    exists = bool(added) or any(each.kind == "container" for each in mine)
    found = _judge_rest([each for each in resources if each not in added], mine, settings)
    return replace(found, added=tuple(sorted(each.name for each in added)), exists=exists)


def _judge_rest(resources: Sequence[Resource], mine: Sequence[Resource], settings: Settings) -> NameClaim:
    """Return who has the project's name, without the containers that were added to our cluster."""
    project = settings.project
    if foreign := [each for each in resources if not each.cluster]:
        return _foreign(foreign, project, beside=bool(mine))
    if others := [each for each in resources if each not in mine]:
        return _another(others, settings)
    if mine:
        return NameClaim(Owner.OURS, f"{project}: this checkout's cluster")
    return NameClaim(Owner.NONE, f"{project}: no other project has this name")


def _foreign(resources: Sequence[Resource], project: str, *, beside: bool) -> NameClaim:
    containers = [each for each in resources if each.kind == "container"]
    if containers and not beside and all(map(_is_of_a_checkout, containers)):
        return NameClaim(
            Owner.FOREIGN,
            f"an older testbed brought up the cluster {project}: {containers[0]} has no label {CLUSTER_LABEL}",
            f"`docker compose -p {project} down --volumes` removes it and its data, then run `testbed up`",
        )
    has = "has" if len(resources) == 1 else "have"
    return NameClaim(
        Owner.FOREIGN,
        f"another project is named {project}: {join_names(resources)} {has} no label {CLUSTER_LABEL}",
        "remove that project with the tool that made it"
        if beside
        else "set COMPOSE_PROJECT_NAME to another name (and TESTBED_PREFIX, if addresses overlap)",
    )


def _is_of_a_checkout(container: Resource) -> bool:
    """Whether testbed made a container before it made labels: of its image, and from a checkout that is here."""
    return bool(_BUILT_LABEL in container.labels and container.folder and (container.folder / TOPOLOGY.name).is_file())


def _another(others: Sequence[Resource], settings: Settings) -> NameClaim:
    """Another testbed cluster: in use while any container of it runs, else to be removed if the user asks for it."""
    project, clusters = settings.project, frozenset(each.cluster for each in others)
    removes = "`testbed up --take-over` or `testbed down --take-over` removes it and its data"
    otherwise = "set COMPOSE_PROJECT_NAME (its networks must differ as well)"
    compose = settings.topology.parent.resolve()
    if alive := sorted((each for each in others if each.running), key=lambda each: (not each.folder, each.name)):
        return replace(_running(alive[0], settings, removes, otherwise), clusters=clusters)
    folders = sorted({each.folder for each in others if each.folder})
    elsewhere = [each for each in folders if each.resolve() not in (compose, compose.parent)]
    if there := [each for each in elsewhere if not _is_gone(each)]:
        what = f"a cluster named {project}, brought up from {there[0]}, is off"
        return NameClaim(Owner.ABANDONED, what, f"`testbed down` there, or {removes}, or {otherwise}", clusters)
    if elsewhere:
        what = f"a cluster named {project} was brought up from {elsewhere[0]}, which does not exist here"
        return NameClaim(Owner.ABANDONED, what, f"{removes}, or {otherwise}", clusters)
    if folders:
        what = f"the cluster {project} is not the one of {settings.state_dir}: its identity is not in that folder"
        fix = f"set TESTBED_STATE to the folder that it was brought up with; if that is lost, {removes}"
        return NameClaim(Owner.ABANDONED, what, fix, clusters)
    what = f"{others[0]} is left over from another testbed cluster named {project}"
    return NameClaim(Owner.ABANDONED, what, f"{removes}, or {otherwise}", clusters)


def _running(container: Resource, settings: Settings, removes: str, otherwise: str) -> NameClaim:
    """Another testbed cluster that runs. A folder that is not visible here may be in another container, and in use."""
    project, folder = settings.project, container.folder
    compose = settings.topology.parent.resolve()
    stop = f"stop it: `docker stop $(docker ps --quiet --filter label={CLUSTER_LABEL}={container.cluster})`"
    if folder and folder.resolve() in (compose, compose.parent):
        what = f"the cluster {project} runs, and it is not the one of {settings.state_dir}: its identity is not there"
        known = "set TESTBED_STATE to the folder that it was brought up with"
        return NameClaim(Owner.USED, what, f"{known}; if that is lost, {stop}, then {removes}")
    if folder and not _is_gone(folder):
        what = f"a cluster named {project} runs from {folder}"
        return NameClaim(Owner.USED, what, f"`testbed down` there, or {otherwise}")
    where = f", brought up from {folder}, which does not exist here" if folder else f": {container}"
    what = f"another testbed cluster named {project} runs{where}"
    return NameClaim(Owner.USED, what, f"{otherwise}; if it is abandoned, {stop}, then {removes}")


def _is_gone(folder: Path) -> bool:
    """Whether a folder does not exist; one that we may not look at does."""
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
