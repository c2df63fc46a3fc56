"""The machines that may boot, where not all may."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from fastboot.config.dhcp import hardware_address


class Allowed:
    """A list of machines, by hardware address or UUID.

    >>> allowed = Allowed(["52:54:00:12:34:56", "dc:a6:32"])
    >>> allowed.has(bytes.fromhex("dca632000001"), b"")
    True

    Args:
        names: Hardware addresses, beginnings of some, or UUIDs. None of them: whoever
            asks is allowed.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._addresses: set[bytes] = set()
        self._numbers: set[bytes] = set()
        for name in names:
            address = hardware_address(name)
            if address is not None:
                self._addresses.add(address)
                continue
            # Firmware does not agree on the byte order of its SMBIOS table, so that one
            # machine shows two numbers, to its owner and to us.
            uuid = UUID(name)
            self._numbers |= {uuid.bytes, uuid.bytes_le}
        self._lengths = {len(address) for address in self._addresses}

    def has(self, chaddr: bytes, number: bytes) -> bool:
        """Whether a machine may boot.

        Args:
            chaddr: Its hardware address.
            number: The bytes of its UUID, empty where it has none.
        """
        if not self._addresses and not self._numbers:
            return True
        if any(chaddr[:length] in self._addresses for length in self._lengths):
            return True
        return number in self._numbers


EVERYONE = Allowed()
"""No list at all."""
