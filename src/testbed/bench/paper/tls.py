"""Where TLS ends: on the balancer, as in the design, or on the app node; and whose processor that costs."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from typing import ClassVar

from testbed.bench.idle import idle
from testbed.bench.paper.paper_model import Expectation, PaperClaim
from testbed.bench.session.subject import Measure, Options, Take
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.host import engine
from testbed.machines import Machine
from testbed.machines.container import ContainerMachine
from testbed.progress import PrintLine
from testbed.topology import Role

BALANCER, APP, NONE = "TLS ends on the balancer", "TLS ends on the app node", "no TLS"
PORTS: Mapping[str, int] = {BALANCER: 443, APP: 9443, NONE: 8081}
FOLDER = "/run/bench-tls"
# Begins to ask before the counting, and goes on after it: the engine takes two seconds to say what each node has used.
MARGIN_SECONDS = 3.0
# argv: scheme, address, port, site's name, path, seconds. A new connection for each request, as after a think time.
_CLIENT = """
import http.client, socket, ssl, sys, time
scheme, address, port, name, path, seconds = sys.argv[1:]
context = ssl.create_default_context()
count, end = 0, time.monotonic() + float(seconds)
while time.monotonic() < end:
    wire = socket.create_connection((address, int(port)), 5)
    if scheme == 'https':
        wire = context.wrap_socket(wire, server_hostname=name)
    connection = http.client.HTTPConnection(name)
    connection.sock = wire
    connection.request('GET', path, headers={'Host': name, 'Connection': 'close', 'User-Agent': 'Mozilla/5.0'})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        sys.exit(f'{path}: status {answer.status}')
    connection.close()
    count += 1
print(count / float(seconds))
"""
PAGES: Mapping[str, str] = {"small": "/alive", "login": "/horde/login.php"}


class Tls(PaperClaim):
    """What TLS costs the node on which it ends."""

    key = "tls"
    title = "Where TLS ends"
    method = (
        "One client asks again and again, each time on a new connection, for a file of a few bytes and for the login "
        "page. TLS ends on the balancer, which passes plain requests on. Or the client asks an app node itself, whose "
        "Apache then ends TLS with the same certificate and settings. The third variant asks the app node without TLS."
    )
    variants = (BALANCER, APP, NONE)
    bases: ClassVar[Mapping[str, str]] = {APP: BALANCER, NONE: BALANCER}
    base_title = "TLS on the balancer"
    measures = (
        *(
            Measure(f"{page}-{part}", f"{title}: processor time of the {node}", "ms a request")
            for page, title in (("small", "small file"), ("login", "login page"))
            for part, node in (("app", "app nodes"), ("lb", "balancers"))
        ),
        Measure("small-rate", "small file: throughput", "requests/s"),
    )
    expectations = (
        Expectation(
            "TLS on the balancers relieves the app nodes: processor time of a small file with TLS there", "small-app",
            APP, BALANCER, at_least=1.0, strict=True, reason="a new connection costs more than its TLS",
        ),
    )  # fmt: skip

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Start the app node's second Apache, and stop it at the end."""
        [app, *_] = cluster.fleet.machines(Role.APP)
        print_line(f"  starting an Apache with TLS on {app.name}")
        with _tls_server(cluster, app):

            def take(variant: str) -> dict[str, float]:
                values: dict[str, float] = {}
                for page, path in PAGES.items():
                    rate, cores = _ask(cluster, app, variant, path, options.seconds)
                    for part in ("app", "lb"):
                        busy = sum(each for name, each in cores.items() if name.startswith(part))
                        values[f"{page}-{part}"] = busy * 1000 / rate
                    values[f"{page}-rate"] = rate
                return values

            yield take


def _ask(cluster: Cluster, app: Machine, variant: str, path: str, seconds: float) -> tuple[float, dict[str, float]]:
    """Requests a second, and the cores that each node kept busy meanwhile."""
    direct = variant != BALANCER
    [client] = cluster.fleet.machines(Role.OBSERVER if direct else Role.CLIENT)
    address = _address(app) if direct else str(cluster.topology.site.address)
    lasts = seconds + 2 * MARGIN_SECONDS
    arguments = ["http" if variant == NONE else "https", address, str(PORTS[variant]), cluster.topology.site.name, path]
    with ThreadPoolExecutor(max_workers=1) as pool:
        asking = pool.submit(client.exec, ["python3", "-c", _CLIENT, *arguments, f"{lasts:g}"], timeout=lasts + 20)
        costs = idle(cluster, seconds)
        result = asking.result()
    if result.status:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["it said nothing"]
        raise TestbedError(f"{variant}: {lines[-1]}", where=client.name)
    project = f"{cluster.settings.project}-"
    return float(result.stdout), {each.name.removeprefix(project): each.cores for each in costs}


def _address(app: Machine) -> str:
    if not isinstance(app, ContainerMachine):
        raise TestbedError("it is not a container", where=app.name)
    return app.address("backend")


@contextmanager
def _tls_server(cluster: Cluster, app: Machine) -> Iterator[None]:
    program = files("testbed.bench.paper").joinpath("tls_server.sh").read_text()
    if not isinstance(app, ContainerMachine):
        raise TestbedError("it is not a container", where=app.name)
    _run(app, program, "stop")
    try:
        secrets = cluster.settings.state_dir / "nodes" / "lb"
        app.exec(["mkdir", "-p", "-m", "700", FOLDER])
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in ("site.crt", "site.key"):
                content = (secrets / name).read_bytes()
                member = tarfile.TarInfo(name)  # its owner is number 0, root
                member.size, member.mode = len(content), 0o600
                archive.addfile(member, io.BytesIO(content))
        engine.client().containers.get(app.container_id()).put_archive(FOLDER, buffer.getvalue())
        _run(app, program, "start")
        yield
    finally:
        _run(app, program, "stop")


def _run(app: Machine, program: str, action: str) -> None:
    result = app.exec(["sh", "-c", program, "tls_server", action], timeout=60)
    if result.status:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["it said nothing"]
        raise TestbedError(f"the Apache with TLS does not {action}: {lines[-1]}", where=app.name)
