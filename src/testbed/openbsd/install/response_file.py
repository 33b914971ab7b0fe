"""The response file and the disk's layout of an unattended installation."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.openbsd.release import Release

# Thirteen asterisks: no login by password (autoinstall(8)).
LOCKED = "*" * 13
# The installer's server as the guest of QEMU's user network sees it.
SERVER = "10.0.2.2"
# Name of the layout in the server's root folder.
DISKLABEL = "disklabel"
# Where a mirror keeps OpenBSD, and the installer looks by itself.
FOLDER = "pub/OpenBSD"


@dataclass(frozen=True)
class InstallPlan:
    """What is installed, and how.

    Args:
        release: the OpenBSD release.
        hostname: the VM's name while it is installed; a balancer gets its own at boot.
        server: address of the installer's server.
        password: root's, as encrypt(1) makes it; locked unless given.
        ssh_key: a public key that may log in as root; none unless given.
        timezone: the zone's name.
    """

    release: Release
    hostname: str = "openbsd"
    server: str = SERVER
    password: str = LOCKED
    ssh_key: str = ""
    timezone: str = "UTC"

    @property
    def site_set(self) -> str:
        """File name of our own set."""
        return f"site{self.release.number}.tgz"

    @property
    def mirror(self) -> str:
        """Address of the mirror that the installer's server is."""
        return f"http://{self.server}/{FOLDER}"


def response_file(plan: InstallPlan) -> str:
    """Return the file that answers the installer.

    Given are answers that matter or have no default. A question whose default is right in every release is left to
    it: what a coming release no longer asks cannot leave a dead line behind.

    Args:
        plan: what is installed.
    """
    site = plan.site_set
    answers = [
        ("System hostname", plan.hostname),
        ("Network interface to configure", "vio0"),
        ("IPv4 address for vio0", "autoconf"),
        ("IPv6 address for vio0", "none"),
        ("Password for root account", plan.password),
        *([("Public ssh key for root account", plan.ssh_key)] if plan.ssh_key else []),
        ("Start sshd(8) by default", "yes"),
        ("Change the default console to com0", "yes"),
        ("Which speed should com0 use", "115200"),
        ("Setup a user", "no"),
        ("Allow root ssh login", "prohibit-password"),
        ("Which disk is the root disk", "sd0"),
        ("Use (W)hole disk", "whole"),
        ("URL to autopartitioning template for disklabel", f"http://{plan.server}/{DISKLABEL}"),
        ("Location of sets", "http"),
        # With the protocol: the installer would try HTTPS first.
        ("HTTP Server", f"http://{plan.server}"),
        ("Server directory", f"{FOLDER}/{plan.release.path}"),
        ("Set name(s)", " ".join(("-all", *plan.release.sets, site, "done"))),
        # Our own set is the only one that OpenBSD's key does not sign. Both lines name it and nothing else, so that
        # any other file that fails its check still ends the installation.
        (f"Checksum test for {site} failed. Continue anyway", "yes"),
        (f"Unverified sets: {site}. Continue without verification", "yes"),
        ("What timezone are you in", plan.timezone),
    ]
    return "".join(f"{question} = {answer}\n" for question, answer in answers)


def disklabel_template(_plan: InstallPlan) -> str:
    """Return the disk's layout, one line a partition: mount point, smallest and largest size, share of the disk.

    One file system, and a little swap for the linker of the kernel. The installer fetches sets into a file system with
    more than 2 GiB free before anything is in it, so less than 4 GiB would not do (install.sub,
    prefetcharea_fs_list). Format: disklabel(8), "-T file"; as parsed by parse_autotable in sbin/disklabel/editor.c.

    Args:
        _plan: what is installed; every release has the same layout so far.
    """
    return "/ 4G-* 90%\nswap 256M-1G 10%\n"
