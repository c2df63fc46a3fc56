"""Certificates that UEFI firmware trusts without anybody enrolling them in its setup."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from .machine import Firmware

EFI_CERT_X509 = UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")


def trusting(firmware: Firmware, authority: bytes, file: Path) -> Firmware:
    """That firmware in a machine whose owner has enrolled a certificate authority.

    OVMF takes a list of them from QEMU and keeps it where its setup would.

    Args:
        firmware: An OVMF.
        authority: The certificate, DER.
        file: Where the list is written for QEMU.
    """
    file.write_bytes(_signature_list(authority))
    item = f"name=etc/edk2/https/cacerts,file={file}"
    return replace(firmware, switches=(*firmware.switches, "-fw_cfg", item))


def _signature_list(certificate: bytes) -> bytes:
    """EFI_SIGNATURE_LIST with one EFI_SIGNATURE_DATA (UEFI 2.10, section 32.4.1).

    0           16          20            24               28        44
    +-----------+-----------+-------------+----------------+---------+-------------+
    | type GUID | list size | header size | signature size | owner   | certificate |
    +-----------+-----------+-------------+----------------+---------+-------------+
    """
    owner = bytes(16)
    signature = owner + certificate
    sizes = struct.pack("<III", 28 + len(signature), 0, len(signature))
    return EFI_CERT_X509.bytes_le + sizes + signature
