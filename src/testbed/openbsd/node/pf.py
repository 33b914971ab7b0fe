"""A balancer's packet filter: ``/etc/pf.conf``, equal in effect to ``images/lb/bin/firewall``.

What the health check of profile ``hardened`` sends is the exception: on Debian it asks neighbours by ARP, which no
filter sees, and here by ICMP.

Sources: pf.conf(5). A rule of ``pass`` keeps state unless it says ``no state``, and a stateful rule for TCP matches a
connection's first packet alone (``flags S/SA``). Packets for the virtual address are seen on the interface below its
own (``pf_match_rcvif`` in ``sys/net/pf.c``; P. Hansteen's tutorial, "PF sees the traffic on the physical interface"),
so no rule names the interface of the virtual address.
"""

from __future__ import annotations

from testbed.addresses import kernel_carp
from testbed.openbsd.node.balancer import BACKEND, CONTROL, CONTROL_GUEST, CONTROL_HOST, PUBLIC, Balancer


def pf_conf(balancer: Balancer) -> str:
    """The rules of one balancer; nothing is logged."""
    ports = " ".join(str(port) for port in balancer.ports)
    return f"""\
public = "{PUBLIC}"
backend = "{BACKEND}"
control = "{CONTROL}"

set block-policy drop
set state-policy if-bound
set skip on lo

block all

# The site. Stateless on purpose: after a failover the active balancer must see, and refuse, the connections of the dead
# one, so that clients open new ones at once. A stateful rule would drop what belongs to no connection it knows.
pass in quick on $public inet proto tcp from any to any port {{ 80 443 }} flags any no state
pass out quick on $public inet proto tcp from any port {{ 80 443 }} to any flags any no state

{kernel_carp.pf_rules(balancer.public.network)}
{_health(balancer)}# The backend: connections to the applications, and their answers.
pass out quick on $backend inet proto tcp from any to any port {{ {ports} }}

# The container: it comes in by SSH, and is asked for names.
pass in quick on $control inet proto tcp from {CONTROL_HOST} to {CONTROL_GUEST.ip} port 22
pass out quick on $control inet proto udp from {CONTROL_GUEST.ip} to {CONTROL_HOST} port 53
"""


def _health(balancer: Balancer) -> str:
    """What balancer-health asks the other balancer and its neighbours, and the other one's question."""
    own, peer = balancer.public.ip, balancer.peer
    rules = []
    if peer:
        rules += [
            f"pass out quick on $public inet proto tcp from {own} to {peer} port 443",
            f"pass in quick on $public inet proto icmp from {peer} to {own} icmp-type echoreq",
        ]
    rules += [
        f"pass out quick on $public inet proto icmp from {own} to {neighbour} icmp-type echoreq"
        for neighbour in balancer.neighbours
        if neighbour != own
    ]
    if not rules:
        return ""
    return "\n".join(
        ["# The health check asks the other balancer's site, and whether anybody is there.", *rules, "", ""]
    )
