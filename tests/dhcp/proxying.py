"""A proxy in memory, and where messages reach it."""

from ipaddress import IPv4Address

from fastboot.boot.choose import Site
from fastboot.dhcp.outcome import Origin, Reply
from fastboot.dhcp.packet import decode
from fastboot.dhcp.proxy import Proxy

SERVER = IPv4Address("192.0.2.2")
DISCOVERS = Origin(SERVER)
QUESTIONS = Origin(SERVER, boot_server=True, address="192.0.2.50", port=4011)
BOOT_NOW = b"\x06\x01\x08\xff"

PROGRAMS = {
    "bios": "undionly.kpxe",
    "efi": "ipxe.efi",
    "u-boot": "boot.scr.uimg",
    "raspberry-pi": "config.txt",
}


def proxy(*lists, **changes):
    def program(arch):
        return PROGRAMS.get(arch.platform)

    return Proxy(Site(**{"folder": "images", "program": program, **changes}), *lists)


def answer(frame, origin=DISCOVERS, now=0.0, by=None):
    """The reply's frame to one request."""
    outcome = (by or proxy()).receive(frame, origin, now)
    assert isinstance(outcome, Reply), outcome
    return decode(outcome.data)
