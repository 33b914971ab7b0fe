"""keepalived: VRRP in a process."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.addresses.address_mechanism import AddressMechanism
from testbed.node_sections import running_services, section

# States in which a node takes part in the election; FAULT and STOP are the others.
_PARTAKES = ("MASTER", "BACKUP")


class Keepalived(AddressMechanism):
    """keepalived, whose state a balancer's ``vrrp-notifier`` writes to a file."""

    program = "keepalived"
    # The standing of a database node that resigned is any other node's again.
    restart = "[ ! -e /run/testbed/standing ] || echo 0 >/run/testbed/standing; pkill -x keepalived"

    def partakes(self, sections: Mapping[str, str]) -> bool:
        """Whether it runs; on a balancer also whether it is neither in fault nor stopped."""
        state = section(sections, "cat /run/failover/state").strip()
        on_balancer = self.program in running_services(sections) and state in _PARTAKES
        return on_balancer or section(sections, "grep -xE ucarp").strip() == self.program
