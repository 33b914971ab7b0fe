"""The state of a node of each role, typed; parsing is pure and tested on recorded samples."""

from testbed.balancers.pool_member_state import Member
from testbed.roles.app_state import AppState
from testbed.roles.arbiter_state import ArbiterState
from testbed.roles.balancer_state import BalancerState
from testbed.roles.database_state import DatabaseState
from testbed.roles.mail_state import MailState
from testbed.roles.single_state import SingleState

__all__ = ["AppState", "ArbiterState", "BalancerState", "DatabaseState", "MailState", "Member", "SingleState"]
