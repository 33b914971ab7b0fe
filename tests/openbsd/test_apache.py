"""The generated Apache configuration, run by a real Apache under the paths of OpenBSD's package.

The program is Debian's, without the modules that OpenBSD's package does not build in (builtin/few-built-in.c): a
directive whose module the configuration does not load is an error, as on OpenBSD. Only OpenBSD shows what LibreSSL
makes of the TLS settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest_container import Box, box

from testbed.cluster import secrets
from testbed.host import engine
from testbed.images.image_build import proxies
from testbed.openbsd.node import GuestFile, NodeSecrets, files
from testbed.settings import find_root
from testbed.topology import load
from testbed.wait import wait_until

ROOT = find_root(Path(__file__).parent)
SITE, OWN, NAME = "198.18.0.10", "198.18.0.11", "webmail.testbed.test"
HTTPD = ("/usr/local/sbin/httpd2", "-f", "/etc/apache2/httpd2.conf")
# What Compose hands a balancer, and Debian's Apache takes from there.
ENVIRONMENT = {
    "NODE": "lb1",
    "SITE_NAME": NAME,
    "RETRY_SECONDS": "10",
    "REQUEST_SECONDS": "60",
    "MEMBER_CHECK": "hcmethod=NONE",
}
FAILURES = 'failures "expr=%{REQUEST_STATUS} -ge 500"'
BUILTIN = Path(__file__).parent / "builtin"
# What `httpd2 -l` says on OpenBSD; its MPMs are modules too.
BUILT_IN = ["core.c", "mod_so.c", "http_core.c"]
# Debian's program and modules where OpenBSD's package has its own; its user; the addresses; two app nodes.
LAYOUT = f"""
mkdir -p /usr/local/lib/apache2 /usr/local/sbin /var/www/logs /var/run/pool /srv
ln -s /usr/lib/apache2/modules/*.so /usr/lib/apache2/few/*.so /usr/local/lib/apache2/
printf '#!/bin/sh\nLD_PRELOAD=/usr/local/lib/few-built-in.so exec /usr/sbin/apache2 "$@"\n' >/usr/local/sbin/httpd2
chmod 755 /usr/local/sbin/httpd2
useradd --system --no-create-home www
ip link set lo up
for address in {SITE} {OWN}; do ip address add $address/24 dev lo; done
echo '127.0.0.1 {NAME}' >>/etc/hosts
"""
# An app node as a balancer sees it: it names itself, and redirects to plain HTTP as a webmail does.
APP = """
ServerRoot /usr/lib/apache2
DefaultRuntimeDir /run/$node
PidFile /run/$node/httpd.pid
ServerName $node
ErrorLog /run/$node/error_log
LoadModule mpm_worker_module modules/mod_mpm_worker.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule headers_module modules/mod_headers.so
LoadModule alias_module modules/mod_alias.so
Listen $address:8081
DocumentRoot /srv
Header always set X-App-Node $node
Redirect /horde http://webmail.testbed.test/horde/
"""


def members(*nodes: str) -> GuestFile:
    lines = [f"BalancerMember http://127.0.1.{node[-1]}:8081 route={node} ${{MEMBER}}\n" for node in nodes]
    return GuestFile("".join(lines).encode())


def configured(state: Path, *overlays: str) -> dict[str, GuestFile]:
    """Files of lb1 that Apache reads: of the shipped cluster, with these overlays."""
    compose = [ROOT / "compose" / f"{name}.yaml" for name in ("cluster", *overlays)]
    topology = load(compose, {"COMPOSE_PROJECT_NAME": "testbed"})
    secrets.ensure(state, topology)
    guest = files(topology, "lb1", NodeSecrets.read(state), ROOT / "images" / "lb")
    read = ("etc/apache2", "etc/balancer", "etc/test", "etc/sysctl.conf")
    return {path: file for path, file in guest.items() if path.startswith(read)}


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, GuestFile]:
    return configured(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def image() -> str:
    """Name of the image whose Apache has few modules built in."""
    tag = "testbed/openbsd-builtin"
    engine.client().images.build(path=str(BUILTIN), tag=tag, rm=True, buildargs=proxies())
    return tag


@pytest.fixture(scope="module")
def balancer(guest: dict[str, GuestFile], image: str) -> Iterator[Box]:
    with box(image) as container:
        container.sh(LAYOUT)
        container.put({**guest, "var/run/pool/webmail.conf": members("app-1", "app-2")})
        for node in ("app-1", "app-2"):
            text = APP.replace("$node", node).replace("$address", f"127.0.1.{node[-1]}")
            container.put({f"srv/{node}.conf": GuestFile(text.encode()), "srv/alive": GuestFile(b"alive")})
            container.sh(f"mkdir -p /run/{node}; apache2 -f /srv/{node}.conf")
        result = container.run(*HTTPD)
        assert result.status == 0, result.output
        wait_until(lambda: get(container, "/alive")[0] == 200, 15, "the balancer")
        yield container


def get(balancer: Box, path: str, *options: str, url: str = f"https://{NAME}") -> tuple[int, str]:
    """Status and headers of an answer; the certificate must be the cluster's, for the site's name."""
    own = ["--cacert", "/etc/testbed/ca.crt", "--connect-to", f"{NAME}:443:{SITE}:443"]
    result = balancer.run("curl", "-sS", "-i", "--max-time", "10", *own, *options, f"{url}{path}")
    found = re.match(r"HTTP/\S+ (\d+)", result.output)
    return (int(found[1]) if found else 0), result.output


def test_its_own_check_passes_and_it_runs_as_openbsds_user(balancer: Box) -> None:
    result = balancer.run(*HTTPD, "-t")
    assert (result.status, result.output.strip()) == (0, "Syntax OK")
    master = balancer.sh("cat /var/run/httpd2.pid").strip()
    # Owners of folders below /proc would not do: of a process that gave up root's rights, root owns it.
    children = balancer.sh(f"grep -lx 'PPid:\t{master}' /proc/[0-9]*/status").split()
    users = balancer.sh(f"awk '$1 == \"Uid:\" {{ print $3 }}' {' '.join(children)}").split()
    assert set(users) == {balancer.sh("id -u www").strip()}


def test_the_site_answers_sticks_and_names_its_node(balancer: Box) -> None:
    nodes = set()
    for _ in range(4):
        status, headers = get(balancer, "/alive")
        node = re.search(r"X-App-Node: (\S+)", headers)
        assert (status, node is not None) == (200, True), headers
        assert "X-Balancer: lb1\n" in headers.replace("\r", "")
        assert f"Set-Cookie: ROUTEID=.{node and node[1]}; Path=/; Secure; HttpOnly; SameSite=Lax" in headers
        nodes.add(node and node[1])
    assert nodes == {"app-1", "app-2"}
    for name in ("app-1", "app-2"):
        status, headers = get(balancer, "/alive", "--cookie", f"ROUTEID=.{name}")
        assert f"X-App-Node: {name}" in headers
        assert "Set-Cookie" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/alive?u=ROUTEID=.app-2",
        "/alive?ROUTEID=.app-2",
        "/alive;ROUTEID=.app-2",
        "/alive?x=1&ROUTEID=.app-2",
        "/ROUTEID=.app-2",
        # The second name of stickysession, in every form that a link can give it.
        "/alive?no%20//%20in%20a%20URL=.app-2",
        "/alive?no+//+in+a+URL=.app-2",
        "/no%20//%20in%20a%20URL=.app-2",
        "/no%20///%20in%20a%20URL=.app-2",
        "/alive%3Fno%20//%20in%20a%20URL=.app-2",
        "/alive?=.app-2",
    ],
)
def test_a_link_moves_no_session(balancer: Box, path: str) -> None:
    for _ in range(2):
        _, headers = get(balancer, path, "--cookie", "ROUTEID=.app-1")
        assert "X-App-Node: app-1" in headers
        assert "Set-Cookie" not in headers


@pytest.mark.parametrize("path", ["/alive?no // in a URL=.app-2", "/no%20%2F%2F%20in%20a%20URL=.app-2"])
def test_a_raw_space_and_an_encoded_slash_are_refused(balancer: Box, path: str) -> None:
    status, headers = get(balancer, "/alive", "--request-target", path, "--cookie", "ROUTEID=.app-1")
    assert (status in (400, 404), "X-App-Node" in headers) == (True, False)


def test_a_redirect_of_the_app_stays_on_tls(balancer: Box) -> None:
    status, headers = get(balancer, "/horde/")
    assert status == 302
    assert f"Location: https://{NAME}/horde/" in headers


def test_plain_http_only_shows_the_way_to_tls(balancer: Box) -> None:
    for address in (SITE, OWN):
        status, headers = get(balancer, "/anything", url=f"http://{address}")
        assert status == 301
        assert f"Location: https://{NAME}/" in headers


def test_old_tls_is_refused(balancer: Box) -> None:
    assert get(balancer, "/alive", "--tls-max", "1.2")[0] == 200
    assert get(balancer, "/alive", "--tlsv1.3")[0] == 200
    assert get(balancer, "/alive", "--tls-max", "1.1")[0] == 0


def test_the_manager_is_for_the_balancer_itself(balancer: Box) -> None:
    status, page = get(balancer, "/balancer-manager", url="http://127.0.0.1:8008")
    assert status == 200
    assert "app-1" in page
    for address in (SITE, OWN):
        refused = get(balancer, "/balancer-manager", url=f"http://{address}:8008")
        assert refused[0] == 0
        assert "Failed to connect" in refused[1]


def test_the_health_checks_page_is_apaches_own_and_leaves_no_line(balancer: Box) -> None:
    health = (ROOT / "images/openbsd/site/usr/local/libexec/testbed/balancer-health").read_text()
    [path] = re.findall(r"GET (\S+) HTTP/1.0\\r\\nHost: 127.0.0.1:8008", health)
    logs = "cat /var/www/logs/error_log /var/www/logs/failures_log"
    before = balancer.sh(logs)
    for _ in range(3):
        status, headers = get(balancer, path, url="http://127.0.0.1:8008")
        assert (status, "X-App-Node" in headers) == (200, False)
    assert balancer.sh(logs) == before
    balancer.run("curl", "-s", "http://127.0.0.1:8008/balancer-manager?xml=1")
    assert "AH10187" in balancer.sh(logs).removeprefix(
        before
    )  # the manager without a Referer: such a line is seen here


def test_the_kernel_lets_as_many_connections_wait_as_apache_asks_for(
    balancer: Box, guest: dict[str, GuestFile]
) -> None:
    backlog = int(balancer.sh("ss -ltnH 'sport = :443'").split()[2])
    assert backlog == 511
    limit = re.search(r"^kern.somaxconn=(\d+)$", guest["etc/sysctl.conf"].content.decode(), re.MULTILINE)
    assert limit
    assert int(limit[1]) >= backlog


def test_a_new_pool_is_loaded_and_a_dead_member_is_reported(balancer: Box) -> None:
    reload = "kill -USR1 $(cat /var/run/httpd2.pid)"
    balancer.put({"var/run/pool/webmail.conf": members("app-2")})
    balancer.sh(reload)
    wait_until(lambda: "app-1" not in get(balancer, "/balancer-manager", url="http://127.0.0.1:8008")[1], 10, "a pool")
    assert {re.findall(r"X-App-Node: (\S+)", get(balancer, "/alive")[1])[0] for _ in range(4)} == {"app-2"}
    balancer.put({"var/run/pool/webmail.conf": members("app-9")})
    balancer.sh(reload)
    wait_until(lambda: get(balancer, "/alive")[0] == 503, 10, "a pool of the dead")
    log = balancer.sh("cat /var/www/logs/failures_log")
    assert re.search(r'^request-failed status=503 client=\S+ route=app-9 seconds=\d+ms "GET /alive', log, re.MULTILINE)
    assert "127.0.1.9" in balancer.sh("cat /var/www/logs/error_log")
    balancer.put({"var/run/pool/webmail.conf": members("app-1", "app-2")})
    balancer.sh(reload)
    wait_until(lambda: get(balancer, "/alive")[0] == 200, 10, "the old pool")


def _settings(box: Box, command: str, **environment: str) -> list[str]:
    """Every directive in force, in order, with what it is set to (mod_info's dump)."""
    info = "-C 'LoadModule info_module /usr/lib/apache2/modules/mod_info.so' -D DUMP_CONFIG -t"
    result = box.run("sh", "-c", f"{command} {info} 2>/dev/null", **environment)
    assert result.status == 0, result.output
    lines = (line.strip() for line in result.output.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_both_platforms_differ_in_paths_and_users_alone(balancer: Box) -> None:
    balancer.sh("mkdir -p /run/apache2")
    debian = _settings(balancer, "apache2 -f /etc/balancer/httpd.conf", **ENVIRONMENT)
    openbsd = _settings(balancer, " ".join(HTTPD))
    assert len(debian) > 60
    assert [line for line in openbsd if line.startswith("Mutex")] == ["Mutex fcntl:/var/run default"]
    openbsd.remove("Mutex fcntl:/var/run default")
    assert [line.split()[0] for line in openbsd] == [line.split()[0] for line in debian]
    different = {one: other for one, other in zip(debian, openbsd, strict=True) if one != other}
    assert different == {
        "PidFile /run/apache2/httpd.pid": 'PidFile "/var/run/httpd2.pid"',
        "User www-data": 'User "www"',
        "Group www-data": 'Group "www"',
        "ErrorLog /dev/stderr": "ErrorLog /var/www/logs/error_log",
        f"CustomLog /dev/stdout {FAILURES}": f"CustomLog /var/www/logs/failures_log {FAILURES}",
    }


def test_both_platforms_have_the_same_hosts_and_the_same_modules(balancer: Box) -> None:
    for dump in ("DUMP_MODULES", "DUMP_VHOSTS"):
        debian = balancer.run("apache2", "-f", "/etc/balancer/httpd.conf", "-t", "-D", dump, **ENVIRONMENT)
        openbsd = balancer.run(*HTTPD, "-t", "-D", dump)
        assert (debian.status, openbsd.status) == (0, 0)
        if dump == "DUMP_VHOSTS":
            assert openbsd.output == debian.output
            continue
        theirs, ours = (set(re.findall(r"\w+_module", each.output)) for each in (openbsd, debian))
        assert ours - theirs == {"logio_module", "version_module"}  # part of Debian's program, used by nothing
        assert not theirs - ours


def test_the_stand_in_has_those_modules_built_in_that_openbsds_apache_has(balancer: Box) -> None:
    assert re.findall(r"\w+\.c$", balancer.sh("/usr/local/sbin/httpd2 -l"), re.MULTILINE) == BUILT_IN


@pytest.mark.parametrize("module", ["", "alias", "log_config", "slotmem_shm", "socache_shmcb", "unixd", "watchdog"])
def test_a_module_that_is_not_loaded_is_seen(balancer: Box, module: str) -> None:
    """A second Apache beside the first starts, and without any one of these it ends at once."""
    text = balancer.sh("cat /etc/apache2/httpd2.conf").replace("/var/run/httpd2.pid", "/var/run/second.pid")
    less, gone = re.subn(rf"^ *LoadModule {module}_module .*$", "", text, flags=re.MULTILINE)
    assert gone == bool(module)
    site = re.sub(
        r"^Listen (\S*?)(\d+) http",
        r"Listen \g<1>1\2 http",
        balancer.sh("cat /etc/balancer/site.conf"),
        flags=re.MULTILINE,
    )
    less = less.replace("/etc/balancer/site.conf", "/srv/site.conf")
    balancer.put({"srv/less.conf": GuestFile(less.encode()), "srv/site.conf": GuestFile(site.encode())})
    result = balancer.run("timeout", "3", *HTTPD[:1], "-f", "/srv/less.conf", "-D", "FOREGROUND")
    assert (result.status == 124) == (not module), result.output


def test_the_hardened_profiles_configuration_starts_as_well(image: str, tmp_path: Path) -> None:
    with box(image) as container:
        container.sh(LAYOUT)
        container.put({**configured(tmp_path, "openbsd", "hardened"), "var/run/pool/webmail.conf": members("app-1")})
        assert "hcmethod=GET" in container.sh("cat /etc/apache2/httpd2.conf")
        result = container.run(*HTTPD)
        assert result.status == 0, result.output + container.sh("cat /var/www/logs/error_log")
        wait_until(lambda: get(container, "/balancer-alive")[0] == 204, 15, "Apache")


@pytest.mark.parametrize(("mutex", "starts"), [("-C", True), ("-c", False)])
def test_it_starts_and_is_killed_without_a_semaphore(
    image: str, guest: dict[str, GuestFile], mutex: str, starts: bool
) -> None:
    """In a kernel with OpenBSD's limit of semaphore sets, by a program whose own choice they are (option ``-C``).

    With the option behind the configuration (``-c``) it cannot start, so the configuration makes the difference.
    """
    with box(image, sysctls={"kernel.sem": "60 60 60 10"}) as container:  # the last: SEMMNI
        container.sh(LAYOUT)
        container.put({**guest, "var/run/pool/webmail.conf": members("app-1")})
        for _ in range(3):
            container.run(*HTTPD, mutex, "Mutex sysvsem default")
            if not starts:
                wait_until(
                    lambda: "AH00023" in container.sh("cat /var/www/logs/error_log"), 15, "the lack of semaphores"
                )
                return
            wait_until(lambda: get(container, "/balancer-alive")[0] == 204, 15, "Apache")
            assert container.sh("cat /proc/sysvipc/sem").count("\n") == 1  # the header
            container.sh("kill -KILL $(pidof apache2); rm -f /var/run/httpd2.pid")
            wait_until(lambda: container.run("pidof", "apache2").status != 0, 15, "the end of Apache")
