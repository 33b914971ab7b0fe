"""Types of options with units, and their error messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError, WithJsonSchema

from testbed.errors import UsageError
from testbed.faults.fault import FaultOptions
from testbed.machines import Way
from testbed.topology import Node

_NAME = "[a-z][a-z0-9-]*"


class OptionError(UsageError):
    """An invalid option.

    Attributes:
        option: its name; empty when one is missing.
    """

    def __init__(self, what: str, *, option: str, fix: str) -> None:
        super().__init__(what, fix=fix)
        self.option = option


def _names(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"{value!r} is not a list of networks: write backend or backend,replication")
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _number(value: object, unit: str, example: str, what: str, *, signed: bool = False) -> float:
    sign = "[+-]?" if signed else ""
    match = re.fullmatch(rf"({sign}\d+(?:\.\d+)?)\s*{unit}", str(value).strip(), re.ASCII)
    if not match:
        raise ValueError(f"{value!r} is not a {what}: write a number with its unit, as {example}")
    return float(match[1])


def _percent(value: object) -> float:
    return _number(value, "%", "30%", "share")


def _rate(value: object) -> float:
    return _number(value, "kbit/s", "256kbit/s", "rate")


_SHIFTS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _shift(value: object) -> float:
    unit = str(value).strip()[-1:]
    if unit not in _SHIFTS:
        raise ValueError(f"{value!r} is not a jump: write a number with its unit, as +90s, -5m or +2h")
    by = _number(value, unit, "+90s, -5m or +2h", "jump", signed=True) * _SHIFTS[unit]
    if not by:
        raise ValueError(f"{value!r} is not a jump: write how far, as +90s, -5m or +2h")
    return by


Networks = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    PlainSerializer(",".join),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_NAME}(,{_NAME})*$"},
                {"type": "array", "items": {"type": "string", "pattern": f"^{_NAME}$"}},
            ],
            "examples": ["replication"],
        }
    ),
]
Percent = Annotated[
    float,
    BeforeValidator(_percent),
    Field(gt=0, le=100),
    PlainSerializer(lambda value: f"{value:g}%"),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?%$", "examples": ["30%"]}),
]
Rate = Annotated[
    float,
    BeforeValidator(_rate),
    Field(ge=8, le=10_000_000),
    PlainSerializer(lambda value: f"{value:g}kbit/s"),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?kbit/s$", "examples": ["256kbit/s"]}),
]
Shift = Annotated[
    float,
    BeforeValidator(_shift),
    PlainSerializer(lambda value: f"{value:+g}s"),
    WithJsonSchema({"type": "string", "pattern": r"^[+-]?\d+(\.\d+)?[smh]$", "examples": ["+90s", "-5m"]}),
]
Direction = Literal["both", "in", "out"]


DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


def each_way(direction: Direction) -> tuple[Way, ...]:
    """Return each way of a direction, seen from the node."""
    return ("in", "out") if direction == "both" else (direction,)


def draw_direction(chance: Random) -> dict[str, str]:
    """Draw the option ``direction`` for a hunt; half of the time it is the default, which is left out."""
    direction = chance.choice(("both", "both", "in", "out"))
    return {} if direction == "both" else {"direction": direction}


def rule_name(fault: str, network: str, direction: Direction) -> str:
    """Return the name of the nftables table of a fault that drops packets."""
    return f"{fault}-{network}-{direction}"


class OnNetworks(FaultOptions):
    """Options of the faults of cables and interfaces."""

    network: Networks = Field((), description="Only on this network, or these: backend,replication.")

    def networks_of(self, node: Node) -> tuple[str, ...]:
        """Return the networks that it strikes on a node, in the node's order; without the option, all."""
        return tuple(name for name in node.addresses if name in self.network or not self.network)

    def unknown_network(self, node: Node, name: str = "") -> UsageError | None:
        """Return the error if the option names a network that the node is not on, or None."""
        for network in self.network:
            if network not in node.addresses:
                known = ", ".join(node.addresses)
                return UsageError(f"{name or node.name} is not on {network!r}", fix=f"its networks are {known}")
        return None


def parse_model(fault: str, model: type[FaultOptions], given: Mapping[str, Any]) -> FaultOptions:
    """Read a fault's options.

    Args:
        fault: its name, for messages.
        model: its options.
        given: option to value, as text or as a incident file's data.

    Raises:
        OptionError: an unknown or missing option, or an invalid value.
    """
    known = ", ".join(model.model_fields) or "none"
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]) if first["loc"] else ""
        fix = f"the options of {fault} are {known}"
        if first["type"] == "extra_forbidden":
            raise OptionError(f"{fault} has no option {option!r}", option=option, fix=fix) from None
        if first["type"] == "missing":
            raise OptionError(f"{fault} needs the option {option!r}", option="", fix=fix) from None
        what, _, better = first["msg"].removeprefix("Value error, ").partition(": ")
        if not better:
            what = f"{given.get(option)!r} is invalid: {what[0].lower()}{what[1:]}"
        raise OptionError(f"{fault}: {option}: {what}", option=option, fix=better or fix) from None


def format_options(options: FaultOptions) -> dict[str, str]:
    """Return the options that differ from their defaults, as text that ``parse_model`` reads."""
    return {name: str(value) for name, value in options.model_dump(mode="json", exclude_defaults=True).items()}
