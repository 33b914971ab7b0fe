"""OpenBSD's signatures, verified by signify(1) itself (Debian calls the program ``signify-openbsd``)."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from testbed.errors import TestbedError
from testbed.host.command import host_environment
from testbed.output_line import last_line

PROGRAM = "signify-openbsd"
_LINE = re.compile(r"SHA256 \(([^()/]+)\) = ([0-9a-f]{64})")


def verify_list(signed: Path, key: Path, where: str) -> dict[str, str]:
    """Verify a ``SHA256.sig`` and return what is signed: file name to SHA-256.

    Args:
        signed: the file: a signature with the list after it.
        key: the public key.
        where: what the user knows the file by.

    Raises:
        TestbedError: its signature does not verify, or the signed text is not such a list.
    """
    with tempfile.TemporaryDirectory() as scratch:
        signed_text = Path(scratch) / "SHA256"
        _run(["-V", "-q", "-e", "-p", key, "-x", signed, "-m", signed_text], where, key)
        return parse_list(signed_text.read_text(errors="replace"), where)


def verify_package(package: Path, key: Path, where: str) -> None:
    """Verify the signature in a package's gzip header, over all of the file (``signify -Vz``).

    Args:
        package: the file.
        key: the public key.
        where: what the user knows the file by.

    Raises:
        TestbedError: it has none, or it does not verify.
    """
    # What it writes is the archive again, block by block as each verifies: here only its verdict counts.
    _run(["-V", "-q", "-z", "-p", key, "-x", package, "-m", "/dev/null"], where, key)


def parse_list(text: str, where: str = "SHA256") -> dict[str, str]:
    """Return the files of a list as sha256(1) writes it: name to hexadecimal SHA-256.

    Args:
        text: lines of ``SHA256 (bsd.rd) = ...``.
        where: the file's name, for the message.

    Raises:
        TestbedError: a line is none such, or a file is in it twice with two hashes.
    """
    digests: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if not found or digests.setdefault(found[1], found[2]) != found[2]:
            raise TestbedError(f"line {number} is not a checksum: {line[:60]!r}", where=where)
    return digests


def _run(arguments: list[str | Path], where: str, key: Path) -> None:
    try:
        done = subprocess.run(
            [PROGRAM, *arguments],
            env=host_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
    except OSError as error:
        raise TestbedError(f"{PROGRAM} cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        reason = last_line(done.stderr).removeprefix(f"{PROGRAM}: ")
        raise TestbedError(
            f"not signed by OpenBSD: it does not verify with {key.name} ({reason})",
            where=where,
            fix="remove it and download it again, from another mirror if need be",
        )
