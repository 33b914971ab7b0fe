"""Lines that no healthy run has: crashes, tracebacks, corruption. Pure.

Each pattern is written for the words of one program; what an ordinary failover prints must not match any. The names
are what an incident's ``alarms`` list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from testbed.addresses.address_registry import ALARM_PATTERNS
from testbed.designs.design_registry import DESIGNS

_COMMON: Mapping[str, str] = {
    # Linux: panic.c, dump_stack.c, fault.c, oom_kill.c, rcu/tree_stall.h; OpenBSD: subr_prf.c, trap.c, ddb(4)
    "kernel-panic": r"Kernel panic - not syncing|^panic: |^kernel: .* trap, code=|^uvm_fault\(|^Stopped at +\S",
    "kernel-oops": r"\bOops: |\bBUG: (?!workqueue)|kernel BUG at |general protection fault, |Unable to handle kernel ",
    "kernel-warning": r"\bWARNING: CPU: \d+ PID: ",
    "segfault": r"segfault at |traps: .*(general protection|invalid opcode)"
    r"|exit signal (Segmentation fault|Bus error)",
    "core-dump": r"\(core dumped\)|possible coredump in",
    "out-of-memory": r"Out of memory: Killed process|oom-kill:|invoked oom-killer"
    r"|Allowed memory size of \d+ bytes exhausted|MemoryError\b|ERROR: +out of memory",
    # The recorder's own words: such a guest takes its peer for dead, and its disks' answers for late.
    "guest-clock": r"the guest's clock runs \S+ times too fast",
    # Filesystems: ext4/super.c (it mounts ext3 too), jbd2, xfs_error.c, btrfs/messages.c
    "filesystem-error": r"EXT[34]-fs error|EXT[34]-fs \(\S+\): .*(Remounting filesystem read-only|corrupt)"
    r"|JBD2: .*(corrupt|Error -\d+ detected|I/O error)|Aborting journal on device"
    r"|XFS \(\S+\): .*([Cc]orruption|log I/O error|[Ss]hutting down filesystem|Unmount and run)"
    r"|BTRFS (error|critical) \(",
    "disk-error": r"(I/O error, dev|blk_update_request: .*error|Buffer I/O error on dev|critical (medium|target) error)"
    r"|event=vm-disk-error",
    # PostgreSQL 15
    "postgres-panic": r"\bPANIC:  ",
    "postgres-crash": r"process \(PID \d+\) was terminated by signal",
    "postgres-corruption": r"invalid page (in block|header)|could not (read|write) block|could not fsync file"
    r"|checksum (mismatch|verification failed)|missing chunk number|unexpected data beyond EOF"
    r"|invalid (primary |secondary )?checkpoint record",
    # PHP and Apache
    "php-fatal": r"PHP (Fatal|Parse|Recoverable fatal) error:|PHP Startup: Unable to load",
    "apache-crash": r"AH00052: child pid \d+ exit signal|AH00050: caught .*seg",
    # Python: the launcher and whatever else it runs
    "python-traceback": r"Traceback \(most recent call last\)",
    # Dovecot and Postfix
    "mail-panic": r"\bPanic: |\bpanic: |Fatal: master: service\(\S+\): child \d+ killed with signal (?!9\b|15\b)"
    r"|process .*killed by signal (6|11)\b",
}


def _with_designs() -> Mapping[str, str]:
    """Return all patterns; of one name that designs have too, a line may match any."""
    patterns = {**_COMMON, **ALARM_PATTERNS}
    for design in DESIGNS.values():
        for name, pattern in design.recorded.alarm_patterns.items():
            patterns[name] = f"{patterns[name]}|{pattern}" if name in patterns else pattern
    return patterns


PATTERNS = _with_designs()
_ANY = re.compile("|".join(f"(?P<{name.replace('-', '_')}>{pattern})" for name, pattern in PATTERNS.items()))


def matching_pattern(text: str) -> str:
    """Name of the pattern that a line matches, empty when it is harmless."""
    match = _ANY.search(text)
    return match.lastgroup.replace("_", "-") if match and match.lastgroup else ""
