"""Names of packages, which is newer, and which one a specification means: packages-specs(7).

Checked against OpenBSD's own OpenBSD::PackageName (1.58), OpenBSD::PkgSpec (1.51) and
OpenBSD::Dependencies (1.175) in ``usr.sbin/pkg_add``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cmp_to_key

_NAME = re.compile(r"(.*?)-(\d.*)")
_SPEC = re.compile(r"([^%]+?)-((?:>=|<=|>|<|=)?\d[^-%]*|\*)(?:-([^%]*))?")
_SUFFIX = re.compile(r"(\d+)(rc|alpha|beta|pre|pl)(\d*)")
_LETTERED = re.compile(r"(\d+)([a-z]?)")
_AGE = {"alpha": 0, "beta": 1, "pre": 2, "rc": 2, "": 3, "pl": 4}


@dataclass(frozen=True)
class PackageVersion:
    """A version as packages have it: dotted parts, a patch level ``p``, and an epoch ``v`` that goes before all.

    Args:
        parts: between the dots.
        suffix: such as ``rc`` after the last part.
        nth: the number after the suffix.
        patch: -1 without one.
        epoch: likewise.
    """

    parts: tuple[str, ...]
    suffix: str
    nth: int
    patch: int
    epoch: int

    @classmethod
    def parse(cls, text: str) -> PackageVersion:
        """Read ``2.4.66p1v0``."""
        epoch = patch = -1
        if found := re.fullmatch(r"(.*)v(\d+)", text):
            text, epoch = found[1], int(found[2])
        if found := re.fullmatch(r"(.*)p(\d+)", text):
            text, patch = found[1], int(found[2])
        parts, suffix, nth = text.split("."), "", 0
        if found := _SUFFIX.fullmatch(parts[-1]):
            parts[-1], suffix, nth = found[1], found[2], int(found[3] or 0)
        return cls(tuple(parts), suffix, nth, patch, epoch)

    def compare(self, other: PackageVersion) -> int:
        """Return a number below, equal to or above 0 when this is older, as old or newer."""
        dewey = self._compare_dewey(other)
        return _sign(self.epoch, other.epoch) or dewey or _sign(self.patch, other.patch)

    def satisfies(self, operator: str, required: PackageVersion) -> bool:
        """Return whether ``operator required`` holds; a required version without patch level means any."""
        compared = _sign(self.epoch, required.epoch) or self._compare_dewey(required)
        if not compared and required.patch >= 0:
            compared = _sign(self.patch, required.patch)
        return {"<": compared < 0, "<=": compared <= 0, ">": compared > 0, ">=": compared >= 0}.get(
            operator, compared == 0
        )

    def _compare_dewey(self, other: PackageVersion) -> int:
        for mine, theirs in zip(self.parts, other.parts, strict=False):
            if compared := _compare_part(mine, theirs):
                return compared
        return (
            _sign(len(self.parts), len(other.parts))
            or _sign(_AGE[self.suffix], _AGE[other.suffix])
            or (_sign(self.nth, other.nth) if self.suffix == other.suffix else 0)
        )


@dataclass(frozen=True)
class PackageName:
    """A package's name.

    Args:
        text: all of it, such as ``apr-util-1.6.3p2-ldap``.
        stem: ``apr-util``.
        version: ``1.6.3p2``.
        flavors: ``ldap``.
    """

    text: str
    stem: str
    version: PackageVersion
    flavors: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> PackageName | None:
        """Read a name; None when it has no version, which makes it none."""
        found = _NAME.fullmatch(text)
        if not found:
            return None
        version, *flavors = found[2].split("-")
        return cls(text, found[1], PackageVersion.parse(version), frozenset(flavors))


def matches(spec: str, name: PackageName) -> bool:
    """Return whether a package is what a specification asks for.

    Args:
        spec: such as ``apr->=1.7,<2``, ``apr-util-*-!ldap`` or ``foo-*|bar-*``. One that cannot be read matches
            nothing.
        name: the package's.
    """
    return any(_matches_one(one, name) for one in spec.split("|"))


def choose(spec: str, default: str, names: Iterable[PackageName]) -> PackageName | None:
    """Return the package that pkg_add(1) would take without a question.

    Of each stem and flavour only the newest counts; of several that are left the default, else the first by name.

    Args:
        spec: what is required.
        default: name of the package that the dependent was built with.
        names: those that there are.
    """
    newest: dict[tuple[str, frozenset[str]], PackageName] = {}
    for name in sorted((n for n in names if matches(spec, n)), key=cmp_to_key(_by_age)):
        newest[name.stem, name.flavors] = name
    left = {name.text: name for name in newest.values()}
    return left.get(default) or (left[min(left)] if left else None)


def _matches_one(spec: str, name: PackageName) -> bool:
    found = _SPEC.fullmatch(spec)
    if not found:
        return False
    stem, version, flavors = found[1], found[2], found[3] or ""
    # As in the shell: * for anything, ? for one character.
    pattern = re.escape(stem).replace(r"\*", ".*").replace(r"\?", ".")
    if not re.fullmatch(pattern, name.stem):
        return False
    for limit in [] if version == "*" else version.split(","):
        operator, required = re.fullmatch(r"(>=|<=|>|<|=|)(.*)", limit).groups()  # type: ignore[union-attr]
        if not name.version.satisfies(operator, PackageVersion.parse(required)):
            return False
    return not flavors or any(_has_flavors(alternative, name.flavors) for alternative in flavors.split(","))


def _has_flavors(required: str, flavors: frozenset[str]) -> bool:
    """Return whether each of ``a-!b`` holds: flavour a, and not b."""
    return all(
        (flavor[1:] not in flavors) if flavor.startswith("!") else flavor in flavors for flavor in required.split("-")
    )


def _by_age(one: PackageName, other: PackageName) -> int:
    return one.version.compare(other.version)


def _compare_part(one: str, other: str) -> int:
    mine, theirs = _LETTERED.fullmatch(one), _LETTERED.fullmatch(other)
    if mine and theirs:
        return _sign(int(mine[1]), int(theirs[1])) or _sign(mine[2], theirs[2])
    return _sign(one, other)


def _sign(one: int | str, other: int | str) -> int:
    return (one > other) - (one < other)  # type: ignore[operator]
