"""The cluster's identity: a random number in the state folder, and a label on everything that testbed makes.

A project's name proves nothing, because any other tool may use the same one. testbed removes only what carries its own
identity. `testbed up` makes it, `testbed down` deletes it.
"""

from __future__ import annotations

import os
import re
import secrets

from testbed.errors import UsageError
from testbed.settings import CLUSTER_LABEL, ONEOFF_LABEL, PROJECT_LABEL, Settings

_FORM = re.compile(r"[0-9a-f]{16}")
_NONE = "none"
FILE = "cluster-id"


def read(settings: Settings) -> str:
    """Return the cluster's identity, empty when the state folder has none or its file is damaged."""
    try:
        text = (settings.state_dir / FILE).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if _FORM.fullmatch(text) else ""


def refuse_damaged(settings: Settings) -> None:
    """Do nothing unless the identity's file is damaged: every node of the cluster would seem to be missing.

    Raises:
        UsageError: the file is there and holds no identity.
    """
    path = settings.state_dir / FILE
    if path.exists() and not read(settings):
        nodes = f"docker ps -a --filter label={PROJECT_LABEL}={settings.project}"
        raise UsageError(
            "the file holds no cluster identity", where=str(path),
            fix=f"write the identity of the nodes into it: {nodes} --format '{{{{.Label \"{CLUSTER_LABEL}\"}}}}'",
        )  # fmt: skip


def ensure(settings: Settings) -> str:
    """Return the cluster's identity and make one when there is none; of two processes at once, one makes it.

    Raises:
        OSError: the state folder cannot be written.
    """
    if known := read(settings):
        return known
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    path = settings.state_dir / FILE
    made = settings.state_dir / f"{FILE}.{os.getpid()}"
    made.write_text(secrets.token_hex(8) + "\n")
    try:
        os.link(made, path)
    except FileExistsError:
        if not read(settings):  # a damaged file: no resource can carry its content
            made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    return read(settings)


def forget(settings: Settings) -> None:
    """Delete the identity of a cluster that no longer exists."""
    (settings.state_dir / FILE).unlink(missing_ok=True)


def labels(settings: Settings) -> dict[str, str]:
    """Return the labels of a helper container: `testbed down` removes it, and it is not a node."""
    return {PROJECT_LABEL: settings.project, CLUSTER_LABEL: read(settings) or _NONE, ONEOFF_LABEL: "True"}


def own(settings: Settings) -> list[str]:
    """Return the label filters that match the cluster's own resources and nothing else."""
    return [f"{PROJECT_LABEL}={settings.project}", f"{CLUSTER_LABEL}={read(settings) or _NONE}"]
