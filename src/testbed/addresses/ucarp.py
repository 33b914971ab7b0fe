"""UCARP: CARP in a process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from testbed.addresses.address_mechanism import AddressMechanism
from testbed.node_sections import running_services, section


class Ucarp(AddressMechanism):
    """UCARP, under runit on a balancer, and under the node's own supervisor on a database node."""

    program = "ucarp"
    restart = "pkill -x ucarp"
    # The second balancer starts two seconds late, and three advertisements must be missing (images/lb/failover/ucarp).
    settle_seconds = 6.0
    # carp.c: two masters on one network, or a stranger
    alarm_patterns: ClassVar[Mapping[str, str]] = {"carp-conflict": r"Bad digest|md2? mismatch|HMAC mismatch"}

    def partakes(self, sections: Mapping[str, str]) -> bool:
        """Whether it runs: UCARP is always master or backup, and cannot be asked which."""
        return (
            self.program in running_services(sections)
            or section(sections, "grep -xE ucarp").strip() == self.program
            or bool(section(sections, "pgrep -x ucarp").strip())
        )
