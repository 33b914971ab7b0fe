"""What a machine of each role can be asked, as typed answers; parsing is pure and tested on recorded samples."""

from testbed.roles.app import AppState
from testbed.roles.arbiter import ArbiterState
from testbed.roles.balancer import BalancerState, Member
from testbed.roles.database import DatabaseState
from testbed.roles.mail import MailState
from testbed.roles.single import SingleState

__all__ = ["AppState", "ArbiterState", "BalancerState", "DatabaseState", "MailState", "Member", "SingleState"]
