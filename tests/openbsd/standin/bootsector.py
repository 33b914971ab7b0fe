"""The first sector of the installed disk, as long as it has no OpenBSD: it prints what a sealed node prints, and ends.

The machine code writes a text to the first serial line and switches the machine off by ACPI: sleep type 0 with the
enable bit, at the port QEMU's q35 machine has it under SeaBIOS.
"""

from __future__ import annotations

SIZE = 512
_ORIGIN = 0x7C00  # where a BIOS puts it
_CODE = bytes.fromhex(
    "fa 31c0 8ed8"  # 0: cli; ds = 0
    "be 0000"  # 5: si = the text (put in below)
    "ac 84c0 7411"  # 8: al = [si++]; at its end jump to 30
    "88c4 ba fd03"  # 13: ah = al; dx = COM1's line status
    "ec a820 74fb"  # 18: again until the transmitter is empty
    "88e0 b2f8 ee"  # 23: al = ah; dl = COM1's data; out
    "ebea"  # 28 - 2: next character
)
_OFF = bytes.fromhex("ba 0406 b8 0020 ef f4 ebfd")  # PM1 control = sleep enable; hlt for ever


def boot_sector(text: bytes) -> bytes:
    """Return a sector that writes ``text`` to the serial line and switches the machine off.

    Args:
        text: without NUL, at most what is left of the sector.

    Raises:
        ValueError: the text does not fit.
    """
    code = bytearray(_CODE + _OFF)
    code[6:8] = (_ORIGIN + len(code)).to_bytes(2, "little")
    whole = bytes(code) + text + b"\0"
    if len(whole) > SIZE - 2:
        raise ValueError(f"{len(text)} bytes of text do not fit into a boot sector")
    return whole.ljust(SIZE - 2, b"\0") + b"\x55\xaa"
