"""OpenBSD's public keys: found, compared wherever two are at hand, and followed from one release to the next."""

from __future__ import annotations

from pathlib import Path

from testbed.errors import TestbedError

PACKAGED = Path("/usr/share/signify-openbsd-keys")
OWN = Path(__file__).parent / "keys"


def find(name: str, keys: Path | None = None) -> Path:
    """Return a public key: the one of Debian's package where it has it, else the one that testbed ships.

    Args:
        name: such as ``openbsd-80-base.pub``.
        keys: a folder to take it from instead.

    Raises:
        TestbedError: there is none, or Debian's and ours differ.
    """
    held = [folder / name for folder in ([keys] if keys else [PACKAGED, OWN]) if (folder / name).is_file()]
    if not held:
        raise TestbedError(f"no key {name}", where=str(keys or OWN), fix="use a release that testbed has the keys of")
    for other in held[1:]:
        compare(held[0], other.read_bytes(), str(other))
    return held[0]


def compare(key: Path, other: bytes, where: str) -> None:
    """Refuse a key that differs from the same key elsewhere.

    Args:
        key: the one that is used.
        other: the content of the other's file.
        where: the other's place.

    Raises:
        TestbedError: they differ.
    """
    if payload(key.read_bytes()) != payload(other):
        raise TestbedError(
            f"{key.name} is not the key in {where}",
            where=str(key),
            fix="one of the two is forged: trust neither before you know which",
        )


def payload(content: bytes) -> bytes:
    """Return a key file's key: its second line. The first is a comment that anybody may edit (signify(1))."""
    lines = content.splitlines()
    return lines[1].strip() if len(lines) > 1 else b""
