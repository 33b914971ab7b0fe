"""What an installation's two boots print on the console, and what each line means.

The lines are those of sys/stand/boot/boot.c 1.57, distrib/miniroot/install.sub 1.1292 (19 September 2026),
distrib/miniroot/dot.profile 1.52, distrib/amd64/common/install.md 1.67 and etc/rc 1.596, as published; the firmware's
are SeaBIOS's and iPXE's. Lines that begin with ``testbed: `` are our own: the site set prints them.
A trial with OpenBSD's code built from source printed them too; the release's own installer has not been seen yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Anywhere in a line: what runs in the background may speak while rc(8) is in the middle of one.
OURS = re.compile(r"(?<!/)testbed: (.+)")
FAILED = re.compile(r"(?<!/)testbed: failed: *(.*)")
SEALED = "sealed"


@dataclass(frozen=True)
class InstallStage:
    """A part of an installation.

    Args:
        name: shown to the user.
        begins: seen in the line, finished or not, that it begins with.
        silent: it works long without a word.
    """

    name: str
    begins: re.Pattern[str]
    silent: bool = False


@dataclass(frozen=True)
class Boot:
    """One of the two boots.

    Args:
        name: shown to the user, and the first stage.
        stages: those that may follow, in their order; a stage never comes back to one before it.
        done: the line after which the VM only has to go off.
    """

    name: str
    stages: tuple[InstallStage, ...]
    done: re.Pattern[str]


@dataclass(frozen=True)
class Trouble:
    """Something that an installation does not recover from.

    Args:
        seen: the line, or the prompt.
        means: one line for the user; ``{}`` is what the pattern's group holds.
        reason: why stands in one of the lines before it.
    """

    seen: re.Pattern[str]
    means: str
    reason: bool = False


def _stage(name: str, begins: str, *, silent: bool = False) -> InstallStage:
    return InstallStage(name, re.compile(begins), silent)


def _trouble(seen: str, means: str, *, reason: bool = False) -> Trouble:
    return Trouble(re.compile(seen), means, reason)


NETWORK = Boot(
    "network boot",
    (
        _stage("boot loader", r">> OpenBSD/amd64 PXEBOOT"),
        _stage("kernel", r"^booting \S+:|^Copyright \(c\) 1982"),
        _stage("response file", r"^Welcome to the OpenBSD/amd64|^Fetching http\S+install\.conf"),
        _stage("questions", r"^Performing non-interactive install"),
        _stage("disk", r"^Available disks are:"),
        _stage("sets", r"^Let's install the sets!"),
        _stage("configuration", r"^Saving configuration files"),
        _stage("device nodes", r"^Making all device nodes", silent=True),
        _stage("relinking", r"^Relinking to create unique kernel", silent=True),
        _stage("restart", r"^CONGRATULATIONS! Your OpenBSD install"),
    ),
    re.compile(r"^CONGRATULATIONS! Your OpenBSD install has been successfully completed!"),
)
DISK = Boot(
    "first boot",
    (
        _stage("boot loader", r">> OpenBSD/amd64 BOOT"),
        _stage("kernel", r"^booting \S+:|^Copyright \(c\) 1982"),
        _stage("file systems", r"^Automatic boot in progress"),
        _stage("network", r"^starting network"),
        _stage("libraries", r"^reordering:", silent=True),
        _stage("daemons", r"^starting early daemons"),
        _stage("first start", r"^running rc\.firsttime"),
    ),
    re.compile(rf"(?<!/)testbed: {SEALED}$"),
)
SILENT = re.compile(r"relink|packag|sealing", re.IGNORECASE)
"""Stages of our own that may work long without a word."""

# Seen in complete lines.
LINES = (
    _trouble(r"^Question has no answer in response file:? *(.*)", "the response file has no answer to: {}"),
    _trouble(r"\bpanic: (.+)", "the kernel panicked: {}"),
    _trouble(r"^No response file found", "the installer found no response file"),
    _trouble(r"^Autopartitioning failed", "the disk's layout was refused"),
    _trouble(r"^No autopartitioning template found", "the installer did not get the disk's layout"),
    _trouble(r"failed\(\d+\)\. will try", "the boot loader did not get its kernel"),
    _trouble(r"^install\.site failed", "the site set's script failed", reason=True),
    _trouble(r"^Failed to install bootblocks", "no boot loader could be written to the disk"),
    _trouble(r"^No bootable device|^No more network devices", "nothing could be booted", reason=True),
    _trouble(r"^failed; check /tmp/ai/ai\.log", "the installer gave up", reason=True),
)
# A prompt has no end of line: the program waits for an answer that does not come.
PROMPTS = (
    _trouble(r"^ddb(?:\{\d+\})?>$", "the kernel stopped in its debugger"),
    _trouble(r"^Response file location\?", "the installer found no response file"),
    _trouble(r"^root device:?$", "the kernel does not find its disk"),
    # The first boot ends before rc(8) does, so a login prompt means that our part of rc(8) did not run.
    _trouble(r"^login:$", "the system waits for a login, so nothing of ours runs any more"),
    _trouble(r"^Enter pathname of shell or RETURN for sh:", "the system wants to be repaired by hand"),
)
BOOT = re.compile(r"^boot>$")
# The installer's first question answers itself after five seconds; where it does not, another boot does.
FIRST = re.compile(r"^\(I\)nstall, \(U\)pgrade, \(A\)utoinstall or \(S\)hell\?$")
# A question, what it offers in brackets, and the answer that is echoed behind it.
QUESTION = re.compile(r"^([A-Z][^?]*\?)(?:\s+\([^)]*\))?(?:\s+\[[^\]]*\])?\s*(.*)$")
# Lines that may explain why the installer gave up later. Some of them are harmless: they are answered with yes.
OMENS = re.compile(
    r"failed\. Continue anyway\?|Continue without verification\?|is not a valid choice|^Unable to |^Cannot |"
    r"must be configured!|were not properly mounted|^No dhcp address|^Could not determine|^testbed: .*(?:failed|error)|"
    r"^uvm_fault|^kernel: .*trap|^Stopped at|^PXE-E|filesystem is full|^ftp: |: Error retrieving"
)
