"""What ``docker compose config`` last made of some Compose files, kept while nothing that it depends on has changed.

Compose needs 0.2 s on an idle computer, and its YAML is read for 0.1 s. Each command on the cluster would pay for both.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from testbed.record_file import replace_file

FILE = "compose-config.json"
FORMAT = b"2"
# Keys by which a Compose file takes in other files, whose content the cache does not watch.
_TAKES_IN = re.compile(rb"^\s*[\"']?(?:extends|include|env_file|label_file)\b", re.MULTILINE)
_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_PLUGINS = tuple(
    Path(folder) / "docker-compose"
    for folder in (
        "~/.docker/cli-plugins", "/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
        "/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins",
    )
)  # fmt: skip


def cached_merge(
    files: Sequence[Path],
    environment: Mapping[str, str],
    folder: Path,
    merge: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Return Compose files as Compose merges them, from the cache if it still holds.

    Args:
        files: the Compose file and its overlays, in order.
        environment: variables for Compose's interpolation, over the process's own.
        folder: holds the cache; without that folder nothing is kept.
        merge: asks Compose.
    """
    key = _key(files, {**os.environ, **environment})
    if not key or not folder.is_dir():
        return merge()
    path = folder / FILE
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(path.read_bytes())
        if kept["key"] == key and isinstance(kept["merged"], dict):
            return dict(kept["merged"])
    merged = merge()
    with suppress(OSError, ValueError, TypeError):
        text = json.dumps({"key": key, "merged": merged})
        if json.loads(text)["merged"] == merged:  # JSON has no other keys than texts
            replace_file(path, text)
    return merged


def _key(files: Sequence[Path], environment: Mapping[str, str]) -> str:
    """A digest of all that the merge depends on; empty if it cannot be computed."""
    digest = hashlib.sha256(FORMAT)
    line: set[bytes] = set()
    for file in files:
        content = file.read_bytes()
        if _TAKES_IN.search(content):
            return ""
        line.update(_WORD.findall(content))
        digest.update(b"%s\0%d\0%s" % (os.fsencode(file.resolve()), len(content), content))
    for name in sorted(environment):
        # A variable that no file names changes nothing, unless Compose itself reads it.
        if name.startswith("COMPOSE_") or os.fsencode(name) in line:
            digest.update(b"\0%s=%s" % (os.fsencode(name), os.fsencode(environment[name])))
    for part in _surroundings(files):
        digest.update(b"\0" + part)
    return digest.hexdigest()


def _surroundings(files: Sequence[Path]) -> Iterator[bytes]:
    """The files of variables that Compose reads by itself, and which Compose it is."""
    for folder in dict.fromkeys((files[0].resolve().parent, Path.cwd())):
        with suppress(OSError):
            yield (folder / ".env").read_bytes()
        yield b"/"
    for program in (Path(shutil.which("docker") or "docker"), *_PLUGINS):
        with suppress(OSError):
            stat = program.expanduser().stat()
            yield b"%s %d %d" % (os.fsencode(program), stat.st_size, stat.st_mtime_ns)
