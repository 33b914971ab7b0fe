"""The checks that testbed has."""

from testbed.checks.address_owner import AddressOwnerCheck
from testbed.checks.alarms import AlarmsCheck
from testbed.checks.check import CHECKS, register
from testbed.checks.durability import DurabilityCheck
from testbed.checks.failback import FailbackCheck
from testbed.checks.healthy import HealthyCheck
from testbed.checks.isolation import IsolationCheck
from testbed.checks.leftovers import LeftoversCheck
from testbed.checks.logins import LoginsCheck
from testbed.checks.no_service import NoServiceCheck
from testbed.checks.outage import OutageCheck
from testbed.checks.ownership import OwnershipCheck
from testbed.checks.phases import PhasesCheck
from testbed.checks.recovery_check import RecoveryCheck
from testbed.checks.stickiness import StickinessCheck

__all__ = ["CHECKS"]

# A new check needs one line here. Reports, schema and documentation show the checks in this order.
for _check in (
    OutageCheck(),
    NoServiceCheck(),
    PhasesCheck(),
    StickinessCheck(),
    DurabilityCheck(),
    OwnershipCheck(),
    AddressOwnerCheck(),
    RecoveryCheck(),
    FailbackCheck(),
    LoginsCheck(),
    IsolationCheck(),
    AlarmsCheck(),
    HealthyCheck(),
    LeftoversCheck(),
):
    register(_check)
