"""Firmware with ways of its own: each of these was reported to somebody's boot server.

A row is a machine, what it asks, and what our answer must have or lack. What no answer
can cure is not here: firmware that heeds no proxy at all boots where fastboot, or the
network's own server, gives the address together with the boot file.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest

from fastboot.boot.choose import Site
from fastboot.dhcp.options import Code
from fastboot.dhcp.outcome import Origin, Reply
from fastboot.dhcp.packet import MAGIC_COOKIE, decode
from fastboot.dhcp.proxy import Proxy
from fastboot.dhcp.pxe import BOOT_NOW

from .clients import bios, boot_client, raspberry_pi, to_boot_server, uefi

SERVER = IPv4Address("192.0.2.2")
RELAY = IPv4Address("198.51.100.1")
ON_67 = Origin(SERVER)
ON_4011 = Origin(SERVER, boot_server=True, address="192.0.2.50", port=4011)


@dataclass(frozen=True)
class Vendor:
    """A machine's way: the frames it sends, in order, with seconds between them.

    `has` and `lacks` are about the answer to the last one: options by code.
    """

    who: str
    source: str
    asks: tuple
    has: dict
    lacks: tuple = ()
    where: Origin = ON_67


LEGACY = {"arch": b"\0\0", "vendor": b"PXEClient:Arch:00000:UNDI:002001"}

VENDORS = [
    Vendor(
        "HP laptops and DL380 Gen9: a second DISCOVER in place of a question on 4011",
        "garybowers/bootimus#77, danderson/netboot#43",
        ((uefi(), 0.0), (uefi(), 4.0)),
        {43: BOOT_NOW, 67: b"ipxe.efi\0"},
    ),
    Vendor(
        "HP laptops: and a third one",
        "garybowers/bootimus#77",
        ((uefi(), 0.0), (uefi(), 4.0), (uefi(), 12.0)),
        {67: b"ipxe.efi\0"},
        lacks=(43,),
    ),
    Vendor(
        "Supermicro X11 (AMI): PXE-E18, for 4011 is not reached",
        "garybowers/bootimus#51",
        ((uefi(), 0.0), (uefi(), 8.0)),
        {43: BOOT_NOW},
    ),
    Vendor(
        "Intel UNDI 2.0: asks 4011 as a BIOS",
        "danderson/netboot#132",
        ((to_boot_server(**LEGACY), 0.0),),
        {53: b"\5", 67: b"undionly.kpxe\0"},
        where=ON_4011,
    ),
    Vendor(
        "Intel cards: no option 97",
        "danderson/pixiecore#21",
        ((bios(uuid=None), 0.0),),
        {43: BOOT_NOW, 67: b"undionly.kpxe\0"},
        lacks=(97,),
    ),
    Vendor(
        "cards that tell nothing of their UNDI",
        "RFC 4578, section 2.2, read strictly by others",
        ((bios(vendor=b"PXEClient:Arch:00000"), 0.0),),
        {67: b"undionly.kpxe\0"},
    ),
    Vendor(
        "ThinkPads, VMware Fusion: architecture 9 for x86-64",
        "danderson/netboot#30",
        ((uefi(arch=b"\0\x09", vendor=b"PXEClient:Arch:00009:UNDI:003016"), 0.0),),
        {67: b"ipxe.efi\0"},
    ),
    Vendor(
        "Jetway, ThinkPad T460: run past the end of option 67",
        "netbootxyz/netboot.xyz#1198",
        ((bios(), 0.0),),
        {66: b"192.0.2.2\0", 67: b"undionly.kpxe\0"},
    ),
    Vendor(
        "Raspberry Pi 3: wants options 43 and 54, heeds no siaddr",
        "raspberrypi/firmware#801",
        ((raspberry_pi(mac=bytes.fromhex("b827eb123456"), uuid=None), 0.0),),
        {54: SERVER.packed, 66: b"192.0.2.2"},
    ),
    Vendor(
        "Raspberry Pi 4: wants option 66",
        "tinkerbell/smee#23",
        ((raspberry_pi(), 0.0),),
        {66: b"192.0.2.2"},
        lacks=(67,),
    ),
    Vendor(
        "any machine behind a relay: a broadcast would not reach it",
        "garybowers/bootimus#129",
        ((uefi((82, b"\1\4port"), giaddr=RELAY), 0.0),),
        {82: b"\1\4port"},
    ),
    Vendor(
        "Dell: a UUID in the other byte order is sent back as it came",
        "ipxe/ipxe#30",
        ((uefi(uuid=b"\0" + bytes(range(15, -1, -1))), 0.0),),
        {97: b"\0" + bytes(range(15, -1, -1))},
    ),
    Vendor(
        "U-Boot's distro boot on ARM64: PXE without an UNDI of its own",
        "U-Boot cmd/Kconfig",
        (
            (
                boot_client(arch=b"\0\x0b", vendor=b"PXEClient:Arch:00011:UNDI:003000"),
                0.0,
            ),
        ),
        {67: b"ipxe.efi\0"},
    ),
]


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.who)
def test_each_vendors_way_is_answered(vendor):
    programs = {
        "bios": "undionly.kpxe",
        "efi": "ipxe.efi",
        "raspberry-pi": "config.txt",
    }
    proxy = Proxy(Site("images", lambda arch: programs.get(arch.platform)))
    for frame, now in vendor.asks:
        outcome = proxy.receive(frame, vendor.where, now)
    assert isinstance(outcome, Reply)
    reply = decode(outcome.data)
    assert {code: reply.option(code) for code in vendor.has} == vendor.has
    assert not set(vendor.lacks) & {code for code, _ in reply.options}
    assert reply.siaddr == SERVER
    if frame.giaddr == RELAY:
        assert outcome.to == (str(RELAY), 67)


def test_every_answer_is_of_the_new_style():
    """DL160 with GRUB: BOOTP without a cookie (RFC 951) is not understood
    (crowbar/crowbar-core#1318)."""
    data = Proxy(Site("images", lambda arch: "x")).receive(bios(), ON_67, 0.0).data
    assert data[236:240] == MAGIC_COOKIE
    assert decode(data).option(Code.MESSAGE_TYPE) == b"\2"
