"""Packages and all they need: followed through the ``@depend`` lines of packing-lists, each package verified first.

The folder's listing is not signed. So the signed ``@name`` of a package must equal the requested name, and one signed
package cannot replace another.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import TestbedError
from testbed.openbsd.media import archive, signify
from testbed.openbsd.media.download import Report
from testbed.openbsd.media.file_cache import FileCache, digest_of, drop
from testbed.openbsd.media.file_source import FileSource
from testbed.openbsd.media.package_name import PackageName, choose, matches
from testbed.openbsd.release import ARCH, Release

QUIRKS = "quirks"
"""pkg_add(1) looks for this package before any other (``quirk_set`` in OpenBSD::PkgAdd 1.152)."""
_CONTENTS = "+CONTENTS"


@dataclass(frozen=True)
class Depend:
    """A ``@depend`` line (pkg_create(1)).

    Args:
        spec: which packages will do.
        default: the one that the dependent was built with.
    """

    spec: str
    default: str


@dataclass(frozen=True)
class PackingList:
    """What testbed reads of a packing-list.

    Args:
        name: the package's, with its version.
        arch: what it is for; ``*`` is anything.
        depends: what it needs.
    """

    name: str
    arch: str
    depends: tuple[Depend, ...]


def parse_contents(text: str, where: str) -> PackingList:
    """Read a ``+CONTENTS``.

    Args:
        text: its lines.
        where: the package's name, for the message.

    Raises:
        TestbedError: it has no name, or a dependency that is none.
    """
    name, arch, depends = "", "*", []
    for line in text.splitlines():
        keyword, _, rest = line.partition(" ")
        if keyword == "@name":
            name = rest.strip()
        elif keyword == "@arch":
            arch = rest.strip()
        elif keyword == "@depend":
            fields = rest.strip().split(":")
            if len(fields) != 3:
                raise TestbedError(f"cannot read {line!r}", where=where)
            depends.append(Depend(fields[1], fields[2]))
    if not name:
        raise TestbedError(f"its {_CONTENTS} names no package", where=where)
    return PackingList(name, arch, tuple(depends))


class Packages:
    """The packages of a release at a source.

    Args:
        source: has them.
        store: keeps them.
        key: they are signed with it.
        report: called with each package.
    """

    def __init__(self, release: Release, source: FileSource, store: FileCache, key: Path, report: Report) -> None:
        self._release = release
        self._source = source
        self._store = store
        self._key = key
        self._report = report
        self._places = self._list()
        self._names = [name for name in map(PackageName.parse, self._places) if name]

    def gather(self, stems: Sequence[str]) -> dict[str, Path]:
        """Return the verified packages of these stems, and of all they need, by file name.

        Raises:
            TestbedError: one is missing, or a package does not verify.
        """
        todo = [(Depend(f"{stem}-*", ""), "") for stem in dict.fromkeys((QUIRKS, *stems))]
        chosen: dict[str, Path] = {}
        taken: list[PackageName] = []
        while todo:
            depend, dependent = todo.pop(0)
            if any(matches(depend.spec, name) for name in taken):
                continue
            name = self._choose(depend, dependent)
            file, packing = self._verified(name)
            chosen[f"{name.text}.tgz"] = file
            taken.append(name)
            todo += [(needed, name.text) for needed in packing.depends]
        return chosen

    def _list(self) -> dict[str, str]:
        """Return the packages there are, name to path; a package that was fixed since goes before the release's."""
        places: dict[str, str] = {}
        for folder in (self._release.stable_packages_path, self._release.packages_path):
            for file in self._source.names(folder):
                if file.endswith(".tgz"):
                    places.setdefault(file.removesuffix(".tgz"), f"{folder}/{file}")
        return places

    def _choose(self, depend: Depend, dependent: str) -> PackageName:
        name = choose(depend.spec, depend.default, self._names)
        if name:
            return name
        what, why = depend.spec, f", which {dependent} needs"
        if not dependent:
            what = depend.spec.removesuffix("-*")
            why = ", which pkg_add asks for before any other" if what == QUIRKS else ""
        where = f"{self._source.name}, {self._release.packages_path}"
        raise TestbedError(f"no package {what}{why}", where=where, fix="put it there, or use another mirror")

    def _verified(self, name: PackageName) -> tuple[Path, PackingList]:
        path = self._places[name.text]
        # A package's name stands for one content, as pkg_add(1) takes it: a change has another patch level.
        if kept := self._store.recall(path):
            with suppress(TestbedError):  # kept when another key was used: fetched again
                return kept, self._check(kept, name)
        self._report(f"package {name.text}")
        incoming = self._store.incoming(path)
        self._source.take(path, incoming, self._report)
        try:
            packing = self._check(incoming, name)
        except TestbedError:
            drop(incoming)
            raise
        digest = digest_of(incoming)
        kept = self._store.keep(incoming, digest)
        self._store.remember(path, digest)
        return kept, packing

    def _check(self, file: Path, name: PackageName) -> PackingList:
        where = f"{self._source.name}: {self._places[name.text]}"
        signify.verify_package(file, self._key, where)
        found = archive.members(file, (_CONTENTS,), where)
        packing = parse_contents(found.get(_CONTENTS, b"").decode(errors="replace"), where)
        if packing.name != name.text:
            raise TestbedError(f"is {packing.name} under another name", where=where, fix="get it from another mirror")
        if packing.arch not in (ARCH, "*"):
            raise TestbedError(f"is for {packing.arch}, not {ARCH}", where=where)
        return packing
