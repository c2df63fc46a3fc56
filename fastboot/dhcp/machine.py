"""A machine's facts, read off the message that it sent."""

from __future__ import annotations

from fastboot.boot.machine import BIOS, RASPBERRY_PI, Firmware, Machine, arch_of
from fastboot.boot.raspberry import is_raspberry

from . import pxe
from .options import Code
from .packet import Frame, mac_text

U_BOOT = b"U-Boot"
"""The beginning of option 60 of a U-Boot that asks for itself, "U-Boot.armv8"; one that
boots in PXE's way says "PXEClient"."""


def read_machine(frame: Frame) -> Machine | None:
    """The facts that a boot client tells about itself; None if it is none.

    A boot client says "PXEClient" or "HTTPClient" in option 60, and its architecture
    there or in option 93. What only begins like one (a server's own "PXEClient") is
    left alone.

    Raises:
        DecodeError: An option that matters is malformed.
    """
    text = frame.option(Code.VENDOR_CLASS) or b""
    vendor = pxe.vendor_class(text)
    codes = pxe.architectures(frame.option(Code.CLIENT_ARCHITECTURE) or b"")
    if vendor is None:
        if not text.startswith(U_BOOT) or not codes:
            return None
    elif not codes:
        if vendor.architecture is None:
            return None
        codes = (vendor.architecture,)
    machine_id = frame.option(Code.CLIENT_MACHINE) or b""
    features = frame.option(Code.IPXE)
    firmware = Firmware.PXE
    if features is not None or _says_ipxe(frame):
        firmware = Firmware.IPXE
    elif vendor is None:
        firmware = Firmware.U_BOOT
    elif vendor.client == pxe.HTTP_CLIENT:
        firmware = Firmware.HTTP
    elif arch_of(codes) in (BIOS, RASPBERRY_PI) and is_raspberry(
        frame.chaddr, machine_id
    ):
        firmware = Firmware.RASPBERRY_PI
    return Machine(
        mac=mac_text(frame.chaddr),
        codes=codes,
        firmware=firmware,
        number=pxe.machine_number(machine_id),
        ipxe_http=pxe.Feature.HTTP in pxe.ipxe_features(features or b""),
    )


def _says_ipxe(frame: Frame) -> bool:
    return b"iPXE" in pxe.user_classes(frame.option(Code.USER_CLASS) or b"")
