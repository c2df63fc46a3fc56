"""What servers say, built option by option: a router, proxies, and boot servers."""

from ipaddress import IPv4Address

from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import BOOTREPLY, Frame
from fastboot.dhcp.pxe import BOOT_NOW, RASPBERRY_PI_BOOT
from fastboot.firmware.decision import BOOT_SERVER_PORT, Heard, RequestAddress

ROUTER = IPv4Address("192.168.1.1")
OURS = IPv4Address("192.168.1.10")
OTHER = IPv4Address("192.168.1.20")
LEASED = IPv4Address("192.168.1.50")
NOBODY = IPv4Address("0.0.0.0")

LEASE = RequestAddress(ROUTER, LEASED)

PXE = (Code.VENDOR_CLASS, b"PXEClient")
HTTP = (Code.VENDOR_CLASS, b"HTTPClient")
NOW = (Code.VENDOR_SPECIFIC, BOOT_NOW)  # 06 01 08 ff: load the named file at once
PI = (Code.VENDOR_SPECIFIC, RASPBERRY_PI_BOOT)
MENU = (
    Code.VENDOR_SPECIFIC,
    (
        b"\x06\x01\x03"  # discovery control: neither broadcast nor multicast
        b"\x0a\x04\xffPXE"  # prompt: show the menu at once
        b"\x09\x07\x80\x00\x04Menu"  # one entry: type 0x8000, four letters
        b"\xff"
    ),
)
UNASKED = (
    Code.VENDOR_SPECIFIC,
    b"\x06\x01\x03"  # discovery control: neither broadcast nor multicast
    b"\x08\x07\x80\x01\x01"  # servers of type 0x8001: one
    + OURS.packed
    + b"\x09\x07\x80\x01\x04Item"  # the menu: type 0x8001, four letters
    b"\x0a\x01\x00"  # the prompt: time-out 0, the first item at once
    b"\xff",
)
DNS = (Code.DOMAIN_NAME_SERVER, ROUTER.packed)


def named(name):
    """Option 67, with the NUL that belongs into it."""
    return (Code.BOOTFILE_NAME, name + b"\0")


def message(server, *options, kind=MessageType.OFFER, identifier=True, **fields):
    first = ((Code.MESSAGE_TYPE, bytes((kind,))),)
    if identifier:
        first += ((Code.SERVER_IDENTIFIER, server.packed),)
    options = tuple((int(code), value) for code, value in (*first, *options))
    return Frame(
        op=BOOTREPLY, xid=1, chaddr=b"\x52\x54\0\0\0\1", options=options, **fields
    )


def router(*options, server=ROUTER, order=0, size=300, **fields):
    """An offer of an address."""
    fields = {"yiaddr": LEASED, **fields}
    mask = (Code.SUBNET_MASK, b"\xff\xff\xff\x00")
    return Heard(message(server, mask, *options, **fields), server, order, size=size)


def proxy(*options, server=OURS, order=1, size=300, **fields):
    """An offer that gives no address."""
    fields = {"siaddr": server, **fields}
    return Heard(message(server, *options, **fields), server, order, size=size)


def boot_server(*options, server=OURS, order=2, **fields):
    """An answer from port 4011."""
    fields = {"siaddr": server, "kind": MessageType.ACK, **fields}
    frame = message(server, *options, **fields)
    return Heard(frame, server, order, port=BOOT_SERVER_PORT)
