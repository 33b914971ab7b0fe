"""The server that balances in every cluster."""

from __future__ import annotations

from testbed.balancers.apache.apache_server import ApacheServer
from testbed.balancers.balancer_server import BalancerServer

SERVER: BalancerServer = ApacheServer()
