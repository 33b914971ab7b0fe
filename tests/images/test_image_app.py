"""The app node's image: Horde makes its own tables, serves its login page, and PHP reads every file of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from single_image import APP_ENVIRONMENT, DockerContainer, Images, Networks, address, run, wait_ready

ROOT = Path(__file__).parents[2]
# A PostgreSQL as the database guest has it, with a database that belongs to Horde and is empty.
DATABASE = """
bin=/usr/lib/postgresql/15/bin; data=/tmp/data; mkdir $data; chown postgres $data
as_postgres() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
as_postgres $bin/initdb -D $data --auth=trust --locale=C --encoding=UTF8 >/dev/null
echo "host all all all trust" >>$data/pg_hba.conf
as_postgres $bin/pg_ctl -D $data -w -s -o "-c listen_addresses=* -c unix_socket_directories=/tmp" start
as_postgres psql -qX -h /tmp -c "create role horde login" -c "create database horde owner horde" postgres
echo ready
exec sleep infinity
"""
COUNT = "select count(*) from pg_tables where schemaname = 'public'"


@pytest.fixture
def database(containers: Images, networks: Networks) -> DockerContainer:
    """An empty database of Horde's."""
    container = containers.start(
        "guest", networks.backend, aliases=("db",), entrypoint="sh", command=["-euc", DATABASE], user="root"
    )  # fmt: skip
    wait_ready(container, lambda: b"ready" in container.get_logs()[0], "PostgreSQL")
    return container


@pytest.fixture
def app(containers: Images, networks: Networks, database: DockerContainer) -> DockerContainer:
    """An app node of that database."""
    assert database.get_container_id()
    return containers.start(
        "app", networks.backend, node="app", environment={"PROJECT": networks.project, **APP_ENVIRONMENT},
        volumes={str(ROOT / "images/schema"): "/schema"}, cap_add=["NET_ADMIN", "SYS_ADMIN"],
    )  # fmt: skip


def test_horde_makes_its_tables_and_serves_its_login_page(
    app: DockerContainer, database: DockerContainer, networks: Networks
) -> None:
    page = f"http://{address(app, networks.backend)}:8081"

    def answers() -> bool:
        try:
            return requests.get(f"{page}/alive", timeout=2).text.strip() == "alive"
        except requests.RequestException:
            return False

    wait_ready(app, answers, "Apache to answer")
    # Twice: the first run stops Turba half way, at a table of another component (images/schema/make-schema).
    for _ in range(2):
        run(app, "runuser", "-u", "www-data", "--", "horde-db-migrate")
    assert "turba" in run(app, "runuser", "-u", "www-data", "--", "/schema/check-versions")
    tables = run(database, "psql", "-qtAX", "-h", "localhost", "-U", "horde", "-c", COUNT)
    assert int(tables) > 30
    login = requests.get(f"{page}/horde/login.php", timeout=20)
    assert login.status_code == 200
    assert 'name="horde_user"' in login.text
    assert login.headers["X-App-Node"] == "app-1"


def test_php_reads_every_file_of_ours(app: DockerContainer) -> None:
    ours = ROOT / "images/app/rootfs"
    files = [f"/{file.relative_to(ours)}" for file in sorted(ours.rglob("*.php"))] + ["/usr/local/bin/node-name"]
    assert len(files) > 8
    run(app, "sh", "-c", "for file; do php -l $file || exit 1; done", "sh", *files)
    run(app, "php", "-l", "/schema/check-versions")
