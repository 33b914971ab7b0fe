"""Data from a file validated by a pydantic model, with strict types; mistakes in the words of the file.

Source of the kinds of error: https://docs.pydantic.dev/latest/errors/validation_errors/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from types import UnionType
from typing import Annotated, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from testbed.yaml_source.problem import KeyPath, Problem, nearest, quoted

Model = TypeVar("Model", bound=BaseModel)
Written = Callable[[KeyPath], str]
_WHOLE, _NUMBER, _BOOLEAN, _TEXT, _LIST = "a whole number", "a number", "true or false", "a text", "a list"
# What a value of each kind is; for these kinds the message quotes the file.
_KINDS = {
    "int_type": _WHOLE, "int_parsing": _WHOLE, "int_from_float": _WHOLE, "float_type": _NUMBER,
    "float_parsing": _NUMBER, "finite_number": "a finite number", "bool_type": _BOOLEAN, "bool_parsing": _BOOLEAN,
    "string_type": _TEXT, "list_type": _LIST, "tuple_type": _LIST,
}  # fmt: skip
_NAMES = ("^[a-z][a-z0-9-]", "^[a-z0-9][a-z0-9-]")


class Mistakes(Exception):
    """A model refused the data.

    Attributes:
        problems: at least one.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0].what)
        self.problems = problems


def validated(model: type[Model], data: object, written: Written, guide: str, base: KeyPath = ()) -> Model:
    """Return the model that ``data`` describes; no value is converted from another type (``yes``, ``"6"``, ``6.0``).

    Args:
        model: what the data must be.
        data: mappings, lists and scalars.
        written: the text of the value at a path from the top of the file, as messages quote it.
        guide: how to fix what the model does not describe.
        base: keys from the top of the file to the data.

    Raises:
        Mistakes: the data is not that.
    """
    try:
        # As JSON, so that lists become tuples and texts addresses although types are strict.
        return model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        errors = _one_of_each_choice(error.errors(), data)
        raise Mistakes([_problem(each, model, data, written, guide, base) for each in errors]) from None


def _problem(
    error: ErrorDetails, model: type[BaseModel], data: object, written: Written, guide: str, base: KeyPath
) -> Problem:
    """What pydantic reports, as a problem of the file."""
    inner, _ = _path(error, data)
    path = base + inner
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return _kind_problem(error, path, written)
    at_key = "[key]" in error["loc"]
    key = _name_of(path)
    word = quoted(str(inner[-1])) if at_key else "" if error["type"] == "missing" else written(path)
    fix = _explained(model, inner) or guide
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            at_key = True
            known = [name for name, _ in _fields(_block(model, inner[:-1], data))]
            what, fix = f"unknown key {key!r}", nearest(key, known, "known keys here:")
        case "missing":
            what = f"key {key!r} is missing"
        case "literal_error" | "enum":
            known = re.findall(r"'([^']+)'", str(context.get("expected", "")))
            what, fix = f"{word} is not known here", nearest(str(error["input"]), known, "known are")
        case "string_pattern_mismatch":
            what = f"{word} cannot be a name" if at_key else f"{key} cannot be {word}"
            if str(context.get("pattern", "")).startswith(_NAMES):
                what, fix = f"{word} cannot be a name", "use small letters, digits and -"
        case "model_type" | "dict_type":
            what = f"{key} holds keys, not {word}"
        case "value_error":
            what, _, better = error["msg"].removeprefix("Value error, ").partition(": ")
            what, fix = what.replace(repr(error["input"]), word, 1), better or fix
        case kind if kind in _KINDS:
            what, fix = f"{key} must be {_KINDS[kind]}, not {word}", _converted(kind, error["input"]) or fix
        case _:
            what = f"{key}: {error['msg'][0].lower()}{error['msg'][1:]}, not {word}"
    return Problem(path, what, fix, at_key=at_key)


def _kind_problem(error: ErrorDetails, path: KeyPath, written: Written) -> Problem:
    """The key that says which of several blocks this is, is missing or unknown."""
    key = str(error["ctx"]["discriminator"]).strip("'")
    if error["type"] == "union_tag_not_found":
        return Problem(path, f"key {key!r} is missing", "write which kind it is")
    known = re.findall(r"'([^']+)'", str(error["ctx"]["expected_tags"]))
    what = f"{written((*path, key))} is not known here"
    return Problem((*path, key), what, nearest(str(error["ctx"]["tag"]), known, "known are"))


def _name_of(path: KeyPath) -> str:
    """Return how a message names a value: by its key, or by its place in a list, counted from 1."""
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return f"entry {path[-1] + 1} of {quoted(str(path[-2]))[1:-1]}" if len(path) > 1 else f"entry {path[-1] + 1}"
    return quoted(str(path[-1]))[1:-1]


def _converted(kind: str, value: object) -> str:
    """How to fix a value of the wrong type whose right form is plain; empty if it is not."""
    if isinstance(value, str) and _KINDS[kind] == _WHOLE and re.fullmatch(r"[0-9]{1,18}", value):
        return f"write {value} without quotes"
    if _KINDS[kind] == _BOOLEAN and value in ("yes", "on", "no", "off"):
        return f"write {'true' if value in ('yes', 'on') else 'false'}"
    if _KINDS[kind] == _TEXT and isinstance(value, bool | int | float):
        return "put it in quotes"
    return "write it as [one, other]" if _KINDS[kind] == _LIST else ""


def _path(error: ErrorDetails, data: object) -> tuple[KeyPath, KeyPath | None]:
    """The keys that lead to an error, and those that lead to the choice of types it is part of, None if to none.

    Of a choice pydantic names the type as well, such as ``literal['all']``, which the file does not have as a key.
    """
    path: KeyPath = ()
    choice: KeyPath | None = None
    for number, part in enumerate(error["loc"], 1):
        entries = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(entries, dict) and part in entries:
            path, data = (*path, part), entries[part]
        elif error["type"] == "missing" and number == len(error["loc"]):
            path = (*path, part)
        elif part != "[key]" and choice is None:
            choice = path
    return path, choice


def _one_of_each_choice(errors: list[ErrorDetails], data: object) -> list[ErrorDetails]:
    """Of a choice of types pydantic reports an error for each type: keep that of the type which came furthest."""
    kept: list[ErrorDetails] = []
    furthest: dict[KeyPath, ErrorDetails] = {}
    for error in errors:
        path, choice = _path(error, data)
        if choice is None:
            kept.append(error)
        elif choice not in furthest or len(path) >= len(_path(furthest[choice], data)[0]):
            furthest[choice] = error
    return [*kept, *furthest.values()]


def _explained(model: type[BaseModel], path: KeyPath) -> str:
    """What the last key of ``path`` means, or the one above it that has a description."""
    for depth in range(len(path), 0, -1):
        field = dict(_fields(_block(model, path[: depth - 1]))).get(str(path[depth - 1]))
        if field and field.description:
            return f"{path[depth - 1]}: {field.description[0].lower()}{field.description[1:].rstrip('.')}"
    return ""


def _fields(block: type[BaseModel] | None) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a block as a file has them."""
    for name, field in (block.model_fields if block else {}).items():
        yield field.alias or name, field


def _block(model: type[BaseModel], path: KeyPath, data: object = None) -> type[BaseModel] | None:
    """The block that ``path`` leads to, None if it leads to a value; of several, the one of the data's kind."""
    kind: object = model
    for key in path:
        block = _model_in(kind, data)
        data = _entry(data, key)
        if block is not None and not isinstance(key, int):
            field = dict(_fields(block)).get(key)
            kind = field.annotation if field else None
        else:
            kind = _content(kind)
    return _model_in(kind, data)


def _entry(data: object, key: str | int) -> object:
    """What a mapping or list has under a key; None if it has nothing there."""
    entries = dict(enumerate(data)) if isinstance(data, list) else data
    return entries.get(key) if isinstance(entries, dict) else None


def _content(annotation: object) -> object:
    """What a list, tuple or mapping holds; of a choice, the first part that holds something."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return parts[1]
    if origin in (list, tuple, Annotated):
        return _content(parts[0]) if origin is Annotated else parts[0]
    if origin in (Union, UnionType):
        return next((found for each in parts if (found := _content(each)) is not None), None)
    return None


def _model_in(annotation: object, data: object = None) -> type[BaseModel] | None:
    """The block that an annotation such as ``Step | None`` is of; of several, the one whose ``kind`` is the data's."""
    found = list(_models_in(annotation))
    chosen = [each for each in found if isinstance(data, dict) and data.get("kind") in _kinds_of(each)]
    return next(iter([*chosen, *found]), None)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """All blocks that an annotation names as a choice."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, BaseModel):
            yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType):
        for each in get_args(annotation):
            yield from _models_in(each)


def _kinds_of(block: type[BaseModel]) -> tuple[object, ...]:
    field = block.model_fields.get("kind")
    return get_args(field.annotation) if field else ()
