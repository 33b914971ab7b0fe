"""Everything a release's installation needs, in order: the signed list, the sets, the keys' chain, the packages."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.balancers.balancer_registry import SERVER
from testbed.errors import TestbedError
from testbed.host import apt
from testbed.host.file_lock import exclusive
from testbed.openbsd.media import archive, keyring, signify
from testbed.openbsd.media.download import MissingFileError, Report
from testbed.openbsd.media.file_cache import FileCache, digest_of, drop, writing
from testbed.openbsd.media.file_source import BSDTAR, FileSource, InstallImage
from testbed.openbsd.media.packages import Packages
from testbed.openbsd.media.release_files import SIGNATURE, Media
from testbed.openbsd.release import Release

_PXEBOOT = "usr/mdec/pxeboot"


def gather(
    release: Release,
    source: FileSource,
    cache: Path,
    report: Report,
    *,
    packages: Sequence[str] = SERVER.openbsd_packages,
    keys: Path | None = None,
) -> Media:
    """Gather a release's files; what is returned has been verified, all of it.

    Args:
        source: where they come from.
        cache: keeps them by their content, and what was cut off, to go on from.
        report: called with each step.
        packages: stems of those that are wanted; what they need comes with them, and ``quirks``.
        keys: a folder of public keys, in place of OpenBSD's.

    Raises:
        UsageError: a tool is missing and this process may not install it.
        TestbedError: something is missing, does not verify, cannot be fetched, or there is no room for it.
    """
    need_tools(source, report, cache / "apt.log")
    with writing(cache):
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "lock").touch()
    # Two would write the same parts.
    with exclusive(cache / "lock", lambda: report("another testbed is fetching OpenBSD; waiting for it")):
        job = _Gathering(release, source, FileCache(cache), report, keys)
        files, digests = job.release_files()
        job.follow_keys(files[release.base_set])
        held = Packages(release, source, job.store, job.package_key, report).gather(packages)
        digests |= {name: path.name for name, path in held.items()}
        report(f"OpenBSD {release.version}: {len(files)} files and {len(held)} packages verified")
        return Media(release, files, held, job.key, digests)


def need_tools(source: FileSource, report: Report, log: Path) -> None:
    """Install signify, and bsdtar where an install image is to be read.

    Args:
        source: where the files will come from.
        report: called before anything is installed.
        log: keeps apt's output.

    Raises:
        UsageError: one is missing and this process may not install it.
        TestbedError: installing failed.
    """
    if shutil.which(signify.PROGRAM) is None:
        apt.install(["signify-openbsd", "signify-openbsd-keys"], "OpenBSD's signatures", report, log)
    if isinstance(source, InstallImage) and shutil.which(BSDTAR) is None:
        apt.install(["libarchive-tools"], "reading an install image", report, log)


class _Gathering:
    """One release being gathered.

    Args:
        source: where from.
        store: where to.
        report: called with each step.
        keys: a folder of public keys, in place of OpenBSD's.
    """

    def __init__(
        self, release: Release, source: FileSource, store: FileCache, report: Report, keys: Path | None
    ) -> None:
        self.release = release
        self.source = source
        self.store = store
        self.report = report
        self.keys = keys
        self.key = keyring.find(release.base_key, keys)
        self.package_key = keyring.find(release.pkg_key, keys)

    def release_files(self) -> tuple[dict[str, Path], dict[str, str]]:
        """Return the signature, the sets and pxeboot, and the SHA-256 of each."""
        path = f"{self.release.path}/{SIGNATURE}"
        incoming = self.store.incoming(path)
        self.source.take(path, incoming, self.report)
        try:
            listed = signify.verify_list(incoming, self.key, self._where(path))
        except TestbedError:
            drop(incoming)
            raise
        signed = digest_of(incoming)
        files = {SIGNATURE: self.store.keep(incoming, signed)}
        self.store.remember(path, signed)
        self.report(f"{SIGNATURE} of OpenBSD {self.release.version} verified with {self.key.name}")
        # A BUILDINFO that is signed is fetched by the installer unasked, and it ends without (install.sub,
        # install_files).
        for name in (*self.release.sets, *(["BUILDINFO"] if "BUILDINFO" in listed else [])):
            files[name] = self._file(name, listed)
        files["pxeboot"] = self._pxeboot(listed, files[self.release.base_set])
        return files, {name: file.name for name, file in files.items()}

    def follow_keys(self, base: Path) -> None:
        """Compare the keys in use with those that verified base sets hold: this release's own, and the one before.

        Args:
            base: this release's base set.

        Raises:
            TestbedError: a key differs.
        """
        name = self.release.pkg_key
        held = archive.members(base, (f"etc/signify/{name}",), self.release.base_set)
        for content in held.values():
            keyring.compare(self.package_key, content, f"the verified {self.release.base_set}")
        if not held:
            self.report(f"{self.release.base_set} holds no {name}: not compared")
        before = self.release.previous
        try:
            older = self._verified_base(before)
        except TestbedError as unverified:
            self.report(f"key chain: {self.key.name} not compared: {unverified}")
            return
        if older is None:
            self.report(f"key chain: {self.key.name} not compared: no base set of OpenBSD {before.version} at hand")
            return
        for key in (self.key, self.package_key):
            held = archive.members(older, (f"etc/signify/{key.name}",), before.base_set)
            for content in held.values():
                keyring.compare(key, content, f"the verified {before.base_set}")
            did = "is the key in" if held else "not compared: it is not in"
            self.report(f"key chain: {key.name} {did} the verified {before.base_set}")

    def _where(self, path: str) -> str:
        return f"{self.source.name}: {path}"

    def _file(self, name: str, listed: Mapping[str, str]) -> Path:
        """Return one verified file of the release, out of the cache if it is there."""
        path = f"{self.release.path}/{name}"
        digest = listed.get(name)
        if digest is None:
            fix = "it is another release's, or damaged: get it from another mirror"
            raise TestbedError(f"lists no {name}", where=self._where(f"{self.release.path}/{SIGNATURE}"), fix=fix)
        kept = self.store.find(digest)
        if kept:
            self.report(f"{name} is in the cache")
            return kept
        incoming = self.store.incoming(path)
        self.report(f"fetching {name}")
        self.source.take(path, incoming, self.report)
        if digest_of(incoming) != digest:
            size = incoming.stat().st_size
            drop(incoming)
            raise TestbedError(
                f"does not match its signed checksum: truncated or changed ({size} bytes came)",
                where=self._where(path),
                fix="run again; if it stays so, get it from another mirror",
            )
        return self.store.keep(incoming, digest)

    def _pxeboot(self, listed: Mapping[str, str], base: Path) -> Path:
        if "pxeboot" in listed:
            try:
                return self._file("pxeboot", listed)
            except MissingFileError:
                self.report(f"no pxeboot at {self.source.name}: taken from {self.release.base_set}")
        content = archive.members(base, (_PXEBOOT,), self.release.base_set).get(_PXEBOOT)
        if content is None:
            raise TestbedError(f"no pxeboot, and none in {self.release.base_set}", where=self.source.name)
        incoming = self.store.incoming(f"{self.release.path}/{self.release.base_set}/{_PXEBOOT}")
        with writing(incoming.parent):
            incoming.write_bytes(content)
        return self.store.keep(incoming, digest_of(incoming))

    def _verified_base(self, release: Release) -> Path | None:
        """Return another release's base set, if it and its signature are at hand.

        Raises:
            TestbedError: they do not verify, or there is no key to verify them with.
        """
        signed = self.store.recall(f"{release.path}/{SIGNATURE}") or self.source.at_hand(f"{release.path}/{SIGNATURE}")
        if signed is None:
            return None
        where = self._where(f"{release.path}/{SIGNATURE}")
        digest = signify.verify_list(signed, keyring.find(release.base_key, self.keys), where).get(release.base_set, "")
        kept = self.store.find(digest) if digest else None
        beside = self.source.at_hand(f"{release.path}/{release.base_set}")
        if kept or beside is None:
            return kept
        if digest_of(beside) != digest:
            raise TestbedError(
                "does not match its signed checksum", where=str(beside), fix="remove it, or download it again"
            )
        return beside
