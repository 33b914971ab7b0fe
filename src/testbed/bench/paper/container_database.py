"""A PostgreSQL in a container beside the cluster: what the webmail's database costs where nothing is emulated."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.host import engine, identity

OVERLAY = "bench-container"
# Its name behind the project's.
NAME = "dbc"
# Where the overlay has it: the last part of its address on the backend network.
HOST_NUMBER = 25
# The database nodes' own recipe, which is run when their image is built.
RECIPE = ("postgresql.conf", "pg_hba.conf", "probe.sql", "prepare-database")
_START = """
set -eu
chmod +x /tmp/prepare-database && /tmp/prepare-database
setpriv --reuid postgres --regid postgres --init-groups /usr/lib/postgresql/15/bin/pg_ctl \
    --pgdata=/var/lib/postgresql/15/main --wait --silent --log=/tmp/postgresql.log start
setpriv --reuid postgres --regid postgres --init-groups psql -qX -v ON_ERROR_STOP=1 postgres <<END
alter role horde password '$HORDE_DB_PASSWORD';
END
"""


@contextmanager
def container_database(cluster: Cluster) -> Iterator[None]:
    """Run a database with the webmail's tables in a container, as the cluster's nodes have them, but without data.

    It has the labels of a helper container, so `testbed down` removes it when this process was killed.

    Args:
        cluster: a cluster that is up.

    Raises:
        TestbedError: it cannot be started.
    """
    client = engine.client()
    name = f"{cluster.settings.project}-{NAME}"
    _remove(client, name)
    try:
        container = _create(client, cluster, name)
        container.start()
        container.put_archive("/tmp", _archive(client, cluster))  # noqa: S108 - in the container
        password = _password(cluster.settings.state_dir / "nodes" / "db" / "secrets.env")
        status, output = container.exec_run(["sh", "-c", _START], environment={"HORDE_DB_PASSWORD": password})
        if status:
            lines = cast("bytes", output).decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise TestbedError(f"no database can be made in a container: {lines[-1]}", where=name)
        yield
    except APIError as error:
        raise TestbedError(f"no database can be started in a container: {error.explanation}", where=name) from None
    finally:
        _remove(client, name)


def _create(client: DockerClient, cluster: Cluster, name: str) -> Container:
    """Make the container, on the backend network alone and with the address that the overlay names."""
    network = f"{cluster.settings.project}_backend"
    address = f"{cluster.settings.network_prefix}.1.{HOST_NUMBER}"
    ends = {network: client.api.create_endpoint_config(ipv4_address=address)}
    return client.containers.create(
        f"{cluster.settings.images}/guest", ["infinity"], name=name, entrypoint="sleep", init=True, network=network,
        networking_config=ends, labels=identity.labels(cluster.settings),
        security_opt=["no-new-privileges=true"],
    )  # fmt: skip


def _archive(client: DockerClient, cluster: Cluster) -> bytes:
    """The recipe and the webmail's tables, as a tar archive."""
    folder = cluster.settings.root / "images" / "db"
    contents = {name: (folder / name).read_bytes() for name in RECIPE}
    contents["schema.sql"] = _file_of(client, f"{cluster.settings.images}/schema", "/schema.sql", cluster)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _file_of(client: DockerClient, image: str, path: str, cluster: Cluster) -> bytes:
    """Return a file of an image."""
    holder = client.containers.create(image, ["true"], labels=identity.labels(cluster.settings))  # never started
    try:
        chunks, _ = holder.get_archive(path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            member = archive.extractfile(archive.getmembers()[0])
            return member.read() if member else b""
    finally:
        holder.remove(force=True)


def _password(path: Path) -> str:
    """Return the webmail's password to its database, from the secrets of the database nodes."""
    pairs = dict(line.partition("=")[::2] for line in path.read_text().splitlines())
    return pairs["HORDE_DB_PASSWORD"]


def _remove(client: DockerClient, name: str) -> None:
    try:
        client.containers.get(name).remove(force=True, v=True)
    except NotFound:
        return
