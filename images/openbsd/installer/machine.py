"""QEMU's command line. The machine is the one the node will be (images/vm), with a card on QEMU's own user network.

That network answers DHCP with the boot file's name and with its own address as the next server (libslirp,
src/bootp.c), serves TFTP, and passes connections to 10.0.2.2 on to the container's loopback.
"""

from __future__ import annotations

from installer.settings import CONSOLE, DISK, TFTP, Settings

BOOT_FILE = "auto_install"  # the name that makes the installer ask no questions: autoinstall(8)
MAC = "52:54:00:6f:62:73"


def _processor(settings: Settings) -> list[str]:
    if settings.accel == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=single,tb-size=256", "-cpu", "qemu64,+rdrand"]


def command(settings: Settings) -> list[str]:
    """Return the command that runs the machine until it switches itself off or restarts.

    Args:
        settings: the step, which decides where it boots from.
    """
    # The card's own ROM is left to QEMU: only that one it makes fit the card it pretends to be.
    ready = ("bootindex=0", "bootindex=1") if settings.step == "network" else ("romfile=", "bootindex=0")
    return [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-name", "openbsd", "-m", str(settings.memory_mib), "-smp", "1",
        # Without graphics, SeaBIOS and the boot ROM write to the serial line too.
        "-machine", "q35,hpet=off,usb=off,vmport=off,smbus=off,sata=off,graphics=off",
        "-rtc", "base=utc,clock=host",
        *_processor(settings),
        # Nothing on this disk is worth a flush until it is complete.
        "-drive", f"if=none,id=disk,file={DISK},format=qcow2,cache=unsafe,discard=unmap,detect-zeroes=unmap",
        "-device", f"virtio-blk-pci,drive=disk,{ready[1]}",
        "-device", "virtio-rng-pci",
        "-chardev", f"file,id=console,path={CONSOLE},append=on", "-serial", "chardev:console",
        "-netdev", f"user,id=net,ipv6=off,tftp={TFTP},bootfile={BOOT_FILE}",
        "-device", f"virtio-net-pci,netdev=net,mac={MAC},{ready[0]}",
        *settings.extra,
    ]  # fmt: skip
