"""The health check that the 2006 design lacks: a balancer whose Apache is dead is demoted. Profile ``hardened`` only.

Sources: ifstated.conf(5), ifstated(8), carp(4); ``usr.sbin/ifstated/ifstated.c`` (a test's command is run by ``sh -c``,
first when its state is entered, and killed when it still runs as the next is due). A backup takes over from a master
that is demoted more than itself, whatever ``net.inet.carp.preempt`` says (``sys/netinet/ip_carp.c``), so with both
Apaches dead nothing moves.
"""

from __future__ import annotations

# A page of Apache's own. The balancer-manager's would write a line into the error log at each look: it wants a Referer.
_URL = "http://127.0.0.1:8008/alive"
_TRIES = 3
_TRY_SECONDS = 1
_PAUSE = "0.5"
# Longer than the slowest test, or no slow one would ever be heard of.
_EVERY_SECONDS = 6


def ifstated_conf() -> str:
    """``/etc/ifstated.conf``, with hysteresis: three lost answers in a row demote, three answers in a row undo it."""
    ask = f"timeout {_TRY_SECONDS} ftp -V -M -o /dev/null {_URL} >/dev/null 2>&1"
    tries = f"for try in {' '.join(str(number + 1) for number in range(_TRIES))}"
    some = f"{tries}; do {ask} && exit 0; sleep {_PAUSE}; done; exit 1"
    every = f"{tries}; do {ask} || exit 1; sleep {_PAUSE}; done"
    return f"""\
answers = '"{some}" every {_EVERY_SECONDS}'
answers_steadily = '"{every}" every {_EVERY_SECONDS}'

init-state serving

# Nothing is done on the way in: at boot the system's own demotion is still in force, and is not this file's to undo.
state serving {{
	if ! $answers
		set-state dead
}}

state dead {{
	init {{
		run "logger -t ifstated Apache does not answer: demoting CARP"
		run "ifconfig -g carp carpdemote 1"
	}}
	if $answers_steadily {{
		run "ifconfig -g carp -carpdemote 1"
		run "logger -t ifstated Apache answers again"
		set-state serving
	}}
}}
"""
