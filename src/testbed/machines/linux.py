"""Debian, in a container or in a guest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from testbed.machines.node_process import Process

# Some nodes lack `ps`; all have a shell. Processes that run the file $program itself are marked.
_LIST = """
for each in /proc/[0-9]*; do
    mark=
    [ "$each/exe" -ef "$program" ] && mark='* '
    read -r line <"$each/stat" && echo "$mark$line"
done 2>/dev/null
true
"""
# The shell does most of the work, so that few programs start on each node. Only disks of the node itself are listed,
# because the files of a container are on the host's disk, which is checked once.
_LIST_LEFTOVERS = """
for each in /proc/[0-9]*; do
    read -r line <"$each/stat" || continue
    name=${line#*(}
    case ${line##*) } in T*) echo "process ${each#/proc/} (${name%)*}) is stopped" ;; esac
    # A shell's read leaves out the zero bytes between the arguments. A program for each process would take a second.
    read -r arguments <"$each/cmdline"
    case $arguments in
        *python3-mtestbed.probes*) echo "process ${each#/proc/} is a probe that runs on" ;;
    esac
done 2>/dev/null
df -Pk 2>/dev/null | while read -r device _ _ free _ mount; do
    case $device:$mount in /dev/vd*:* | /dev/*:/srv/database) echo "free $free $device $mount" ;; esac
done
find / /srv/database -xdev -maxdepth 3 \\( -path /usr -o -path /proc -o -path /sys \\) -prune -o \\
    -type f \\( -name core -o -name 'core.[0-9]*' \\) -print 2>/dev/null |
    while read -r file; do echo "core $file"; done
command -v nft >/dev/null && nft list tables netdev 2>/dev/null | while read -r table; do echo "network $table"; done
:
"""
_LISTENING = "0A"
_SOCKET = re.compile(r"^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2})", re.MULTILINE)


class Linux:
    """Linux with a shell and iproute2."""

    programs: Mapping[str, str] = {}
    absent: Mapping[str, str] = {}
    emulates: bool = True
    console: str = "a root shell"
    # Those of a database node are its design's.
    logs: tuple[str, ...] = ()

    def set_interfaces(self, names: Sequence[str], *, up: bool) -> str:
        """``ip link set``, one after the other in one shell."""
        return " && ".join(f"ip link set dev {name} {'up' if up else 'down'}" for name in names)

    def set_clock(self, seconds: float) -> str:
        """``date -s``, to a millisecond."""
        return f"date -s @{seconds:.3f}"

    def list_interfaces(self) -> str:
        """``ip -j addr``."""
        return "ip -j addr"

    def interface_of(self, address: str, listing: str) -> str:
        """From the JSON of ``ip -j addr``."""
        for link in json.loads(listing or "[]"):
            if any(entry.get("local") == address for entry in link["addr_info"]):
                return str(link["ifname"])
        return ""

    def list_processes(self, program: str) -> str:
        """/proc, read by the shell."""
        return f"set -- {program or '/'}\nprogram=$1\n{_LIST}"

    def processes(self, listing: str) -> list[Process]:
        """From lines of /proc/PID/stat (proc_pid_stat(5)), some with a mark before them."""
        found = []
        for line in listing.splitlines():
            # The name may contain any character; the last bracket ends it.
            match = re.fullmatch(r"(\* )?(\d+) \((.*)\) (\S) (\d+) (.*)", line)
            if match:
                rest = match[6].split()
                ticks = int(rest[9]) + int(rest[10])
                found.append(Process(int(match[2]), match[3], match[4], int(match[5]), ticks, program=bool(match[1])))
        return found

    def list_listeners(self) -> str:
        """The kernel's own table."""
        return "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null"

    def listening_ports(self, listing: str) -> list[int]:
        """From the contents of /proc/net/tcp and /proc/net/tcp6 (proc(5))."""
        found = set()
        for address, port, state in _SOCKET.findall(listing):
            # The last byte of an IPv4 address comes first: 0100007F is 127.0.0.1, whose mapped form ends alike.
            loopback = (address.endswith("7F") and len(address) in (8, 32)) or address == "0" * 24 + "01000000"
            if state == _LISTENING and not loopback:
                found.add(int(port, 16))
        return sorted(found)

    def list_leftovers(self) -> str:
        """List stopped processes, probes that still run, core files, rules of faults, and free space on disks."""
        return _LIST_LEFTOVERS
