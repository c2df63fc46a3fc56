"""Files that pass for boot programs, for folders that tests serve."""

from __future__ import annotations

MACHINES = {"i386": 0x014C, "x86_64": 0x8664, "arm": 0x01C2, "arm64": 0xAA64}
"""PE's numbers of machines (Microsoft's PE format, "Machine Types")."""

_HEADER_AT = 0x80


def efi_program(cpu: str = "x86_64", body: bytes = b"") -> bytes:
    """What a server takes for an EFI program of that CPU. It runs nowhere.

    >>> efi_program("arm64")[:2]
    b'MZ'

    Args:
        cpu: One of `MACHINES`.
        body: What follows the header.
    """
    head = b"MZ".ljust(0x3C, b"\0") + _HEADER_AT.to_bytes(4, "little")
    machine = MACHINES[cpu].to_bytes(2, "little")
    return head.ljust(_HEADER_AT, b"\0") + b"PE\0\0" + machine + bytes(18) + body
