"""Apache as the server that balances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from testbed.balancers.apache import apache_member
from testbed.balancers.balancer_server import BalancerServer
from testbed.balancers.pool_member_state import Member
from testbed.node_sections import running_services, section

if TYPE_CHECKING:
    from testbed.openbsd.node.balancer import Balancer
    from testbed.topology import Topology


class ApacheServer(BalancerServer):
    """Apache with mod_proxy_balancer; OpenBSD's package calls the program ``httpd2``."""

    title = "Apache"
    version_commands: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "openbsd": ("/usr/local/sbin/httpd2", "-v"),
        "debian": ("apache2", "-v"),
    }
    openbsd_packages = ("apache-httpd",)

    def runs(self, sections: Mapping[str, str]) -> bool:
        """Whether runit runs it, or OpenBSD lists its process."""
        return "apache" in running_services(sections) or bool(section(sections, "pgrep -x httpd2").strip())

    def members(self, sections: Mapping[str, str]) -> Iterator[Member]:
        """Return the members that the balancer-manager shows."""
        return apache_member.members(section(sections, "balancer-manager"))

    def member_state(self, status: str) -> str:
        """Return the state for the flags of the balancer-manager."""
        return apache_member.member_state(status)

    # Most commands read answers and write no configuration, so the modules that write are imported late.

    def configuration(self, topology: Topology) -> Mapping[str, str]:
        """Return ``pools.conf`` and ``dispatch.conf``, which ``images/lb/site.conf`` includes."""
        from testbed.applications.pools import pools  # noqa: PLC0415
        from testbed.balancers.apache.apache_configuration import dispatch_conf, pools_conf  # noqa: PLC0415

        all_pools = pools(topology)
        return {"pools.conf": pools_conf(all_pools), "dispatch.conf": dispatch_conf(topology, all_pools)}

    def openbsd_files(self, balancer: Balancer, templates: Path) -> Mapping[str, str]:
        """Return the configuration under the paths of OpenBSD's package, made from the Debian platform's own."""
        from testbed.balancers.apache import apache_openbsd  # noqa: PLC0415

        debian = (templates / "httpd.conf").read_text()
        return {
            str(apache_openbsd.CONFIG_FILE).lstrip("/"): apache_openbsd.httpd_conf(balancer, debian),
            str(apache_openbsd.SITE_FILE).lstrip("/"): (templates / "site.conf").read_text(),
        }
