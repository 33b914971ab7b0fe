"""Apache's configuration of pools and dispatch, which ``images/lb/site.conf`` includes.

Sources: mod_proxy_balancer, mod_proxy (ProxyPass: the first prefix that fits wins), mod_rewrite (a rule with ``P`` is
applied before any ProxyPass), the manual's chapter on expressions (``-R``, ``-gt``, ``req_novary``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from testbed.applications.pools import Pool, pool_of
from testbed.topology import Application, Dispatch, Topology

# The path of MEMBER_CHECK (compose/hardened.yaml), which the servers of testbed's own kinds answer.
ALIVE = "/alive"
# Apache looks for a route in the URL before it looks into the cookie, under the second name of ``stickysession``
# (mod_proxy_balancer.c, ``find_session_route``). With one name for both, a link such as ``/?ROUTEID=.app-2`` moves the
# session of the user who follows it. The parameter cannot be switched off, and an empty name is found before any ``=``.
# So it gets a name that no URL can hold. Apache searches a decoded path and a raw query. It has merged two slashes of a
# path by then (``MergeSlashes``) and refuses an encoded one. A raw query has no space (RFC 9112, section 3.2).
_NO_PARAMETER = "no // in a URL"


def pools_conf(all_pools: Iterable[Pool]) -> str:
    """``pools.conf``: a balancer each; its members are what pool discovery finds."""
    lines = []
    for pool in all_pools:
        sticky = f' "stickysession={pool.cookie}|{_NO_PARAMETER}"' if pool.cookie else ""
        if pool.health != ALIVE:
            # Of two values of a parameter Apache takes the last, so this one replaces the one in MEMBER_CHECK.
            lines.append(f'Define MEMBER "${{EVERY_MEMBER}} hcuri={pool.health}"')
        lines += [
            f'<Proxy "balancer://{pool.name}">',
            # Optional: a file that is not there yet must not keep Apache from starting.
            f"    IncludeOptional ${{POOL_FOLDER}}/{pool.name}.conf",
            f"    ProxySet ${{POOL}}{sticky}",
            "</Proxy>",
        ]
        if pool.health != ALIVE:
            lines.append('Define MEMBER "${EVERY_MEMBER}"')
    return _text(lines)


def dispatch_conf(topology: Topology, all_pools: Iterable[Pool]) -> str:
    """``dispatch.conf``: which pool gets a request, inside the site's virtual host.

    The health of each pool first, then the rules in their order, then the applications' prefixes, the longest first.
    """
    lines = ["RewriteEngine On"]
    lines += [
        f'RewriteRule "^/alive/{re.escape(each.name)}$" "balancer://{each.name}{each.health}" [P,L]'
        for each in all_pools
    ]
    lines += [_cookie(each) for each in all_pools if each.cookie]
    lines += [_node(each) for each in all_pools if topology.applications[each.application].kind == "image"]
    for rule in topology.dispatch:
        lines.append(f"# {rule.name}")
        lines += [f'RewriteCond expr "{condition}"' for condition in _conditions(rule)]
        pattern = _pattern(rule, topology.applications[rule.application])
        lines.append(f'RewriteRule "{pattern}" "balancer://{pool_of(rule)}$1" [P,L]')
    paths = {application.path: name for name, application in topology.applications.items()}
    for path in sorted(paths, key=lambda each: (-len(each), each)):
        stripped = topology.applications[paths[path]].strip_path
        pool = f"balancer://{paths[path]}{'/' if stripped else path}"
        if path != "/":
            lines.append(f'RewriteRule "^{re.escape(path.rstrip("/"))}$" "{path}" [R=301,L]')
        lines += [f'ProxyPass "{path}" "{pool}"', f'ProxyPassReverse "{path}" "{pool}"']
    return _text(lines)


def _pattern(rule: Dispatch, application: Application) -> str:
    """The URLs that a rule fits; its group is the path that the application sees."""
    prefix = re.escape(rule.path or "/")
    if not application.strip_path:
        return f"^({prefix}.*)$"
    return f"^(?={prefix})(?:{re.escape(application.path.rstrip('/'))}(?=/))?(/.*)$"


def _node(pool: Pool) -> str:
    """The program of an image does not know its node. The balancer names the node whose answer it passes on."""
    condition = f"reqenv('BALANCER_NAME') == 'balancer://{pool.name}'"
    return f'Header setifempty X-App-Node "%{{BALANCER_WORKER_ROUTE}}e" "expr={condition}"'


def _cookie(pool: Pool) -> str:
    """Set only when the node changes, so a cookie in an answer is the trace of a move."""
    moved = f"-n reqenv('BALANCER_ROUTE_CHANGED') && reqenv('BALANCER_NAME') == 'balancer://{pool.name}'"
    cookie = f"{pool.cookie}=.%{{BALANCER_WORKER_ROUTE}}e; Path=/; Secure; HttpOnly; SameSite=Lax"
    return f'Header add Set-Cookie "{cookie}" "expr={moved}"'


def _conditions(rule: Dispatch) -> Iterator[str]:
    if rule.client:
        yield f"-R '{rule.client}'"
    for name, value in rule.header.items():
        yield f"%{{req_novary:{name}}} == '{value}'"
    if rule.content:
        yield f"%{{req_novary:Content-Type}} =~ m#^{re.escape(rule.content)}\\s*(;|$)#i"
    if rule.over is not None:
        # A chunked body has no Content-Length, so this rule does not apply to it.
        yield f"%{{req_novary:Content-Length}} -gt {rule.over}"


def _text(lines: Iterable[str]) -> str:
    return "# Made by testbed from the tables in the Compose file.\n" + "".join(f"{line}\n" for line in lines)
