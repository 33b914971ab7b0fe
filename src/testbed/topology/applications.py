"""The rules that the tables of applications and of dispatch must obey."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import chain

from testbed.topology.keys import Application, Nodes
from testbed.topology.model import Topology
from testbed.yaml_source import Problem

# The load and the probes are its users.
WEBMAIL = "webmail"
# Every application has its prefix here too, for the health of its pool.
ALIVE = "/alive/"
# Databases that the cluster has for itself.
NOT_DATABASES = frozenset({"horde", "probe", "postgres", "template0", "template1"})
# Servers of testbed's own kinds are not root. An image's program listens where it was made to listen.
LOWEST_PORT = 1024
# Ports of an app node that are taken with some profiles.
NODE_PORTS = {6432: "PgBouncer"}
# What an application with a database finds in its environment.
DATABASE_VARIABLES = frozenset({"PGHOST", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGCONNECT_TIMEOUT"})
# The keys that only some kinds have.
KINDS_OF = {
    "php": ("php",),
    "command": ("command", "image"),
    "code": ("php", "wsgi", "command"),
    "image": ("image",),
    "environment": ("image",),
    "strip_path": ("image",),
}


def application_problems(topology: Topology) -> Iterator[Problem]:
    """All the rules of applications and dispatch that ``topology`` breaks."""
    return chain(_webmail(topology), _unique(topology), _places(topology), _dispatch(topology))


def _webmail(topology: Topology) -> Iterator[Problem]:
    path = ("x-testbed", "applications")
    if WEBMAIL not in topology.applications:
        yield Problem(path, f"no application {WEBMAIL!r}", "it must be there: the load and the probes are its users")
    elif not any(each.path == "/" for each in topology.applications.values()):
        yield Problem(path, "no application has the path /", f"give it to {WEBMAIL}: someone must answer the rest")


def _unique(topology: Topology) -> Iterator[Problem]:
    ports: dict[int, str] = {}
    paths: dict[str, str] = {}
    for name, application in topology.applications.items():
        path = ("x-testbed", "applications", name)
        if application.port in ports:
            what = f"port {application.port} is already {ports[application.port]}'s"
            yield Problem((*path, "port"), what, "give each application its own")
        if application.path in paths:
            what = f"path {application.path} is already {paths[application.path]}'s"
            yield Problem((*path, "path"), what, "give each application its own")
        if application.path.startswith(ALIVE):
            yield Problem((*path, "path"), f"{ALIVE} is the balancers' own", "choose another path")
        yield from _kind(application, path)
        if application.database and name in NOT_DATABASES:
            yield Problem((*path, "database"), f"the database {name!r} is not for applications", "choose another name")
        if application.read_back is not None:
            yield from _read_back(application, (*path, "read_back"))
        ports[application.port], paths[application.path] = name, name


def _kind(application: Application, path: tuple[str, ...]) -> Iterator[Problem]:
    """The rules of keys that belong to a kind."""
    kind = application.kind
    for key, kinds in KINDS_OF.items():
        if kind not in kinds and key in application.model_fields_set and getattr(application, key) is not None:
            what = f"its kind is {kind}"
            yield Problem((*path, key), what, f"leave {key} out, or make it kind: {' or '.join(kinds)}")
    if kind in ("command", "image") and getattr(application, kind) is None:
        yield Problem(
            (*path, "kind"), f"its kind is {kind}, and it has no {kind}", f"add {kind}: or choose another kind"
        )
    if kind != "image" and application.port < LOWEST_PORT:
        what = f"port {application.port} is below {LOWEST_PORT}"
        yield Problem((*path, "port"), what, "choose a higher one; only kind: image may listen there")
    if application.port in NODE_PORTS:
        what = f"port {application.port} belongs to {NODE_PORTS[application.port]} on the app nodes"
        yield Problem((*path, "port"), what, "choose another one")
    if kind == "image":
        yield from _image(application, path)


def _image(application: Application, path: tuple[str, ...]) -> Iterator[Problem]:
    """The rules of a container image's arguments and variables."""
    try:
        shlex.split(application.command or "")
    except ValueError as error:
        what = f"it cannot be split into arguments: {str(error).rstrip('.').lower()}"
        yield Problem((*path, "command"), what, "close each quote, and write a backslash as \\\\")
    for name, value in application.environment.items():
        unset = [found for found in re.findall(r"\{([A-Z]+)\}", str(value)) if found in DATABASE_VARIABLES]
        if unset and not application.database:
            what = f"{{{unset[0]}}} has no value, because the application has no database"
            yield Problem((*path, "environment", name), what, "add database: true")


def _read_back(application: Application, path: tuple[str, ...]) -> Iterator[Problem]:
    back = application.read_back
    if back is None or (back.url is None) == (back.query is None):
        yield Problem(path, "it needs a url or a query, and not both", "name the one that lists the tokens")
    elif back.query is not None and not application.database:
        yield Problem((*path, "query"), "the application has no database", "add database: true, or name a url")


def _places(topology: Topology) -> Iterator[Problem]:
    for name, application in topology.applications.items():
        path = ("x-testbed", "applications", name, "nodes")
        yield from _missing(path, application.nodes, topology.app_machines())


def _dispatch(topology: Topology) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, rule in enumerate(topology.dispatch):
        path = ("x-testbed", "dispatch", number)
        application: Application | None = topology.applications.get(rule.application)
        if rule.name in seen:
            yield Problem((*path, "name"), f"there is a rule {rule.name!r} already", "give each rule its own name")
        seen.add(rule.name)
        if not (rule.path or rule.client or rule.header or rule.content or rule.over is not None):
            yield Problem(path, "it holds for every request", "give it a path, client, header, content or over")
        if application is None:
            known = ", ".join(topology.applications)
            yield Problem(
                (*path, "application"), f"no application {rule.application!r}", f"the applications are {known}"
            )
        else:
            yield from _missing((*path, "nodes"), rule.nodes, topology.machines_of(rule.application), rule.application)


def _missing(
    path: tuple[str | int, ...], nodes: Nodes, there: tuple[str, ...], application: str = ""
) -> Iterator[Problem]:
    for node in () if nodes == "all" else nodes:
        if node not in there:
            what = f"{node} does not run {application}" if application else f"no app node {node!r}"
            known = f"{application} runs on" if application else "the app nodes are"
            more = "" if application else " (--scale makes more)"
            yield Problem(path, what, f"{known} {', '.join(there)}{more}")
