"""Raspberry Pis: how they are known, and what they load.

They say that they are BIOS PCs (RFC 4578, architecture 0) and boot in a way of their
own: no boot program is named to them, they ask by TFTP for the files of their firmware,
first in a folder named after their serial number, then at the root. That second look
is the machine's own, so a server has to do no more than to say "not found".

Known from the Raspberry Pi documentation, "Network booting" and "TFTP_PREFIX".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

OUIS = frozenset(
    bytes.fromhex(prefix)
    for prefix in ("28cdc1", "2ccf67", "b827eb", "d83add", "dca632", "e45f01")
)
"""The first three bytes of their hardware addresses, as registered with the IEEE."""

FILES = frozenset({"bootcode.bin", "start.elf", "start4.elf", "config.txt", "boot.img"})
"""What a folder with their firmware holds one of: the boot ROM of models 1 to 3 asks for
`bootcode.bin`, the EEPROM of later ones for `config.txt` and `start4.elf`."""

_PREFIX = re.compile(r"[0-9a-f]{8}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}")
"""The folders that they look into: a serial number, or (TFTP_PREFIX=2) a MAC."""


def is_raspberry(mac: bytes, machine_id: bytes) -> bool:
    r"""Whether a client is a Raspberry Pi.

    Later boards call themselves by a code of four letters in option 97, before board
    revision, MAC and serial number; it holds whatever card is in use.

        >>> is_raspberry(bytes.fromhex("dca632013456"), b"")
        True
        >>> is_raspberry(bytes(6), b"\0RPi4" + bytes(12))
        True

    Args:
        mac: The hardware address.
        machine_id: Option 97.
    """
    return mac[:3] in OUIS or (
        len(machine_id) == 17
        and machine_id[1:4] == b"RPi"
        and machine_id[4:5].isdigit()
    )


def find_firmware(names: Iterable[str]) -> str | None:
    """The first of a folder's names that belongs to their firmware; None without any.

    >>> find_firmware(["debian/linux", "0a1b2c3d/config.txt"])
    '0a1b2c3d/config.txt'

    Args:
        names: Paths relative to the served folder.
    """
    for name in names:
        folder, _, file = name.rpartition("/")
        if file in FILES and (not folder or _PREFIX.fullmatch(folder)):
            return name
    return None
