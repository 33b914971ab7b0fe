"""Reads incident files; whatever is wrong with one is told in one line, with file, line, column and the mend."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from testbed.errors import UsageError
from testbed.scenarios.model import Scenario
from testbed.scenarios.source import Keys, Problem, Source, nearest
from testbed.scenarios.validate import problems
from testbed.topology import Topology

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
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(error.strerror or "unreadable", where=str(path), mend="name an incident file") from None
    except UnicodeDecodeError:
        raise UsageError("this is no text", where=str(path), mend="write it in UTF-8") from None
    source = Source(path, text)
    if not isinstance(source.data, dict):
        raise source.refusal([Problem((), "an incident is a mapping of keys", f"begin with `name: ...`; {GUIDE}")])
    try:
        scenario = Scenario.model_validate(source.data)
    except ValidationError as error:
        raise source.refusal([_problem(each) for each in error.errors()]) from None
    if found := list(problems(scenario, topology, scale, patterns, overlays)):
        raise source.refusal(found)
    return scenario


def _problem(error: ErrorDetails) -> Problem:
    """A pydantic error in the words of someone who edits the file."""
    path: Keys = tuple(key for key in error["loc"] if key != "[key]")
    key, word = str(path[-1]) if path else "the file", error["input"]
    mend = _explained(path) or GUIDE
    match error["type"]:
        case "extra_forbidden":
            keys = [name for name, _ in _fields(_block(path[:-1]))]
            what, mend = f"unknown key {key!r}", nearest(key, keys, "known here:")
        case "missing":
            what = f"key {key!r} is missing"
        case "literal_error":
            known = re.findall(r"'([^']+)'", str(error.get("ctx", {}).get("expected", "")))
            what, mend = f"{word!r} is not known here", nearest(str(word), known, "known are")
        case "string_pattern_mismatch":
            what, mend = f"{word!r} cannot be a name", "use small letters, digits and -"
        case "model_type" | "dict_type":
            what = f"{key} holds keys, not {_told(word)}"
        case "list_type":
            what, mend = f"{key} is a list, not {_told(word)}", "write it as [one, other]"
        case "value_error":
            what, _, better = error["msg"].removeprefix("Value error, ").partition(": ")
            mend = better or mend
        case _:
            what = f"{key}: {error['msg'][0].lower()}{error['msg'][1:]}, not {_told(word)}"
    return Problem(path, what, mend, at_key="[key]" in error["loc"] or error["type"] == "extra_forbidden")


def _told(value: object) -> str:
    """What was written, as far as it fits into a line."""
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _explained(path: Keys) -> str:
    """What a key means, for those who got it wrong."""
    names = [key for key in path if isinstance(key, str)]
    for depth in range(len(path), 0, -1):
        if path[depth - 1] not in names:
            continue
        fields = dict(_fields(_block(path[: depth - 1])))
        if (field := fields.get(str(path[depth - 1]))) and field.description:
            return f"{path[depth - 1]}: {field.description[0].lower()}{field.description[1:].rstrip('.')}"
    return ""


def _fields(block: type[BaseModel] | None) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a block as they are written."""
    for name, field in (block.model_fields if block else {}).items():
        yield field.alias or name, field


def _block(path: Keys) -> type[BaseModel] | None:
    """The block of the model that ``path`` leads to, None if it leads to a value."""
    block: type[BaseModel] | None = Scenario
    for key in path:
        if isinstance(key, int):  # the entries of a list are of the list's kind
            continue
        field = dict(_fields(block)).get(key)
        block = _model(field.annotation) if field else None
    return block


def _model(annotation: object) -> type[BaseModel] | None:
    """The block inside an annotation such as ``list[Step]`` or ``Step | None``."""
    if isinstance(annotation, type) and not get_origin(annotation):
        return annotation if issubclass(annotation, BaseModel) else None
    if get_origin(annotation) in (list, Annotated, Union, UnionType):
        return next((found for each in get_args(annotation) if (found := _model(each))), None)
    return None


def _short(path: Path) -> Path:
    """The path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
