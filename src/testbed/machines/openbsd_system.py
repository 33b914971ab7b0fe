"""OpenBSD, in a guest.

Sources: ifconfig(8) and ``sbin/ifconfig/ifconfig.c`` (``in_status``), ps(1) and ``bin/ps/print.c`` (``time``),
netstat(1) and ``usr.bin/netstat/inet.c``, date(1), core(5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from testbed.addresses.address_registry import SERVICE
from testbed.addresses.kernel_carp import WHY_NO_PROCESS
from testbed.machines.node_process import Process

_PROCESS = re.compile(r" *(\d+) +(\d+) +(\S)\S* +(\d+):(\d+)\.(\d+) +(\S.*)")
_SOCKET = re.compile(r"^tcp6? +\d+ +\d+ +(\S+)\.(\d+) +\S+ +LISTEN", re.MULTILINE)
_LIST_LEFTOVERS = r"""
ps -axo pid=,state=,ucomm= | while read -r process state name; do
    case $state in T*) echo "process $process ($name) is stopped" ;; esac
done
df -Pk 2>/dev/null | while read -r device _ _ free _ mount; do
    case $device in /dev/sd*) echo "free $free $device $mount" ;; esac
done
find / -xdev -maxdepth 3 -type f -name '*.core' 2>/dev/null | while read -r file; do echo "core $file"; done
:
"""


class OpenBSD:
    """OpenBSD's base system."""

    programs: Mapping[str, str] = {"apache2": "httpd2"}
    absent: Mapping[str, str] = {SERVICE: WHY_NO_PROCESS}
    emulates: bool = False
    console: str = "its messages, and a login prompt that accepts no user (root has no password); use `testbed exec`"
    logs: tuple[str, ...] = ("messages", "daemon")

    def set_interfaces(self, names: Sequence[str], *, up: bool) -> str:
        """ifconfig(8), one interface after the other in one shell."""
        return " && ".join(f"ifconfig {name} {'up' if up else 'down'}" for name in names)

    def set_clock(self, seconds: float) -> str:
        """date(1), which sets whole seconds only."""
        return f"date -u {datetime.fromtimestamp(round(seconds), UTC):%Y%m%d%H%M.%S}"

    def list_interfaces(self) -> str:
        """ifconfig(8) of all interfaces."""
        return "ifconfig -A"

    def interface_of(self, address: str, listing: str) -> str:
        """Parse ifconfig: an interface begins at the margin, and its addresses follow, indented by a tab."""
        name = ""
        for line in listing.splitlines():
            if match := re.match(r"(\w+): flags=", line):
                name = match[1]
            elif re.match(rf"\s+inet {re.escape(address)}\s", line):
                return name
        return ""

    def list_processes(self, program: str) -> str:  # noqa: ARG002 - no service of this system needs it
        """ps(1); ``ucomm`` is the program's name in the kernel."""
        return "ps -axo pid=,ppid=,state=,time=,ucomm="

    def processes(self, listing: str) -> list[Process]:
        """Parse ps: time is minutes, seconds and hundredths; the first letter of the state is the process state."""
        found = []
        for line in listing.splitlines():
            if match := _PROCESS.fullmatch(line.rstrip()):
                ticks = (int(match[4]) * 60 + int(match[5])) * 100 + int(match[6])
                found.append(Process(int(match[1]), match[7], match[3], int(match[2]), ticks))
        return found

    def list_listeners(self) -> str:
        """netstat(1): all TCP sockets, in numbers."""
        return "netstat -an -p tcp"

    def listening_ports(self, listing: str) -> list[int]:
        """Parse netstat: the port follows the last dot of the address."""
        found = _SOCKET.findall(listing)
        return sorted({int(port) for address, port in found if not address.startswith("127.") and address != "::1"})

    def list_leftovers(self) -> str:
        """List stopped processes, core files, which OpenBSD names after their program, and free space on disks."""
        return _LIST_LEFTOVERS
