"""What machines ask: requests built option by option, as each kind of firmware does."""

from ipaddress import IPv4Address

from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import BOOTREQUEST, BROADCAST_FLAG, Frame

MAC = bytes.fromhex("525400000007")
UUID = b"\0" + bytes(range(16))  # type 0, then 16 bytes

ANY = IPv4Address("0.0.0.0")


def word(number):
    return None if number is None else number.to_bytes(2, "big")


def request(*options, mac=MAC, xid=0x12345678, **fields):
    """A request with these options, in this order."""
    options = tuple((int(code), value) for code, value in options if value is not None)
    return Frame(op=BOOTREQUEST, xid=xid, chaddr=mac, options=options, **fields)


def boot_client(
    kind=MessageType.DISCOVER,
    *more,
    vendor=b"PXEClient:Arch:00007:UNDI:003016",
    arch=b"\x00\x07",
    uuid=UUID,
    max_size=1472,
    **fields,
):
    """A boot ROM's request; None leaves an option out."""
    return request(
        (Code.MESSAGE_TYPE, bytes((kind,))),
        (Code.MAX_MESSAGE_SIZE, word(max_size)),
        (Code.CLIENT_MACHINE, uuid),
        (Code.CLIENT_INTERFACE, b"\x01\x03\x10"),  # UNDI 3.16
        (Code.CLIENT_ARCHITECTURE, arch),
        (Code.VENDOR_CLASS, vendor),
        *more,
        **{"flags": BROADCAST_FLAG, **fields},
    )


def bios(*more, **changes):
    """A DISCOVER of a BIOS ROM."""
    vendor = b"PXEClient:Arch:00000:UNDI:002001"
    changes = {"vendor": vendor, "arch": b"\x00\x00", **changes}
    return boot_client(MessageType.DISCOVER, *more, **changes)


def uefi(*more, **changes):
    """A DISCOVER of EDK2 on x86-64."""
    return boot_client(MessageType.DISCOVER, *more, **changes)


def uefi_http(*more, **changes):
    """A DISCOVER of EDK2's HTTP boot on x86-64."""
    vendor = b"HTTPClient:Arch:00016:UNDI:003001"
    changes = {"vendor": vendor, "arch": b"\x00\x10", **changes}
    return boot_client(MessageType.DISCOVER, *more, **changes)


def ipxe(*more, features=b"\x13\x01\x01\x15\x01\x01", **changes):
    """A DISCOVER of an iPXE, on BIOS, that has HTTP and TFTP."""
    named = ((Code.USER_CLASS, b"iPXE"), (Code.IPXE, features))
    return bios(*named, *more, **changes)


PI_MAC = bytes.fromhex("dca632013456")
PI_ID = (
    b"\0"  # type
    b"RPi4"  # model
    b"\x11\x31\xc0\x00"  # board revision c03111
    b"\x32\x01\x34\x56"  # the last bytes of the MAC
    b"\x2b\x1a\x3c\x0d"  # serial number
)


def raspberry_pi(*more, **changes):
    """A DISCOVER of a Raspberry Pi 4, which takes itself for a BIOS."""
    return bios(*more, **{"mac": PI_MAC, "uuid": PI_ID, **changes})


def to_boot_server(*more, kind=MessageType.REQUEST, **changes):
    """EDK2's question on port 4011, from the address that it was given."""
    changes = {"flags": 0, "ciaddr": IPv4Address("192.0.2.50"), **changes}
    return boot_client(kind, *more, **changes)


def laptop(kind=MessageType.DISCOVER, *more, **fields):
    """A DISCOVER of something that does not boot: a phone, a laptop."""
    return request(
        (Code.MESSAGE_TYPE, bytes((kind,))),
        (Code.VENDOR_CLASS, b"MSFT 5.0"),
        (Code.PARAMETER_REQUEST_LIST, b"\x01\x03\x06"),
        *more,
        **fields,
    )
