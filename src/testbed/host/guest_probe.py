"""The smallest guest there is: a firmware of a few instructions that ends QEMU with a known status.

It needs no boot loader and no kernel, so it runs in milliseconds under any acceleration that works. It leaves real
mode and counts a while in protected mode, because some broken nestings of hypervisors get through the first
instruction and no further.
"""

from __future__ import annotations

SIZE = 64 * 1024
DEBUG_EXIT_PORT = 0x501
_DEBUG_EXIT_VALUE = 0x10
EXIT_STATUS = (_DEBUG_EXIT_VALUE << 1) | 1
"""What QEMU exits with when the guest wrote its value to the isa-debug-exit device."""

_BASE = 0x1_0000_0000 - SIZE  # a firmware ends where the 32-bit address space does
_RESET_VECTOR = SIZE - 16
_GDT_OFFSET = 0x80
_GDT_POINTER_OFFSET = 0x98
_PROTECTED_OFFSET = 0x40
_LOOPS = 1_000_000


def firmware() -> bytes:
    """Return the guest as a firmware image for QEMU's ``-bios``."""
    image = bytearray(b"\xf4" * SIZE)  # hlt wherever nothing is: a guest that strays stops

    def put(offset: int, *parts: bytes) -> None:
        code = b"".join(parts)
        image[offset : offset + len(code)] = code

    def u32(value: int) -> bytes:
        return value.to_bytes(4, "little")

    def u16(value: int) -> bytes:
        return value.to_bytes(2, "little")

    put(_RESET_VECTOR, b"\xe9", u16((0 - (_RESET_VECTOR + 3)) & 0xFFFF))  # jmp to offset 0
    put(
        0,
        b"\xfa",  # cli
        b"\x2e\x66\x0f\x01\x16" + u16(_GDT_POINTER_OFFSET),  # lgdt cs:[pointer]
        b"\x0f\x20\xc0\x0c\x01\x0f\x22\xc0",  # cr0 |= protected mode
        b"\x66\xea" + u32(_BASE + _PROTECTED_OFFSET) + u16(8),  # jmp code:protected
    )
    put(
        _PROTECTED_OFFSET,
        b"\xb9" + u32(_LOOPS),  # mov ecx, loops
        b"\x49\x75\xfd",  # dec ecx; jnz back
        b"\x66\xba" + u16(DEBUG_EXIT_PORT),  # mov dx, port
        b"\xb0" + bytes([_DEBUG_EXIT_VALUE]),  # mov al, value
        b"\xee\xf4\xeb\xfd",  # out dx, al; hlt for ever
    )
    put(_GDT_OFFSET, bytes(8), b"\xff\xff\x00\x00\x00\x9a\xcf\x00")  # null, flat 32-bit code
    put(_GDT_POINTER_OFFSET, u16(15), u32(_BASE + _GDT_OFFSET))
    return bytes(image)


def qemu_command(accel: str, path: str) -> list[str]:
    """Return the QEMU command that runs the guest.

    Args:
        accel: ``kvm`` or ``tcg``.
        path: where the firmware lies.
    """
    return [
        "qemu-system-x86_64",
        *("-machine", "pc", "-accel", accel, "-m", "16"),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-bios", path),
        *("-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=4"),
    ]
