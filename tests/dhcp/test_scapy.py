"""Another program's idea of DHCP: what scapy writes we read, and the other way round.

scapy knows nothing of overloaded fields and split options (RFC 3396), which are left
out here.
"""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.dhcp.packet import Frame, decode

from .recorded import RECORDED

scapy = pytest.importorskip("scapy.layers.dhcp", reason="pip install -e '.[test]'")

UNTYPED = [code for code in range(1, 255) if code not in scapy.DHCPOptions]
"""Options to which scapy gives no type of its own: it passes over values of another."""

addresses = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
names = st.binary(max_size=60).map(lambda raw: raw.replace(b"\0", b"x"))
plain = st.dictionaries(
    st.sampled_from(UNTYPED),
    st.binary(min_size=1, max_size=255),
    max_size=6,
)
frames = st.builds(
    Frame,
    op=st.sampled_from([1, 2]),
    xid=st.integers(0, 2**32 - 1),
    chaddr=st.binary(min_size=6, max_size=6),
    options=plain.map(lambda found: ((53, b"\x01"), *found.items())),
    hops=st.integers(0, 255),
    secs=st.integers(0, 65535),
    flags=st.sampled_from([0, 0x8000]),
    ciaddr=addresses,
    yiaddr=addresses,
    siaddr=addresses,
    giaddr=addresses,
    sname=names,
    file=names,
)


def header(frame):
    """A frame's fixed fields as scapy calls them."""
    return {
        "op": frame.op,
        "htype": frame.htype,
        "hlen": len(frame.chaddr),
        "hops": frame.hops,
        "xid": frame.xid,
        "secs": frame.secs,
        "flags": "B" if frame.flags else "",
        "ciaddr": str(frame.ciaddr),
        "yiaddr": str(frame.yiaddr),
        "siaddr": str(frame.siaddr),
        "giaddr": str(frame.giaddr),
        "chaddr": frame.chaddr.ljust(16, b"\0"),
        "sname": frame.sname.ljust(64, b"\0"),
        "file": frame.file.ljust(128, b"\0"),
    }


def seen(packet):
    """The same, as scapy read it."""
    fields = {name: getattr(packet, name) for name in header(Frame(1, 0, b""))}
    return {**fields, "flags": str(fields["flags"])}


def options_seen(packet):
    """The options that scapy read, by their numbers."""
    for option in packet[scapy.DHCP].options:
        if isinstance(option, tuple):
            name, *values = option
            number = scapy.DHCPRevOptions[name][0] if isinstance(name, str) else name
            yield number, values


@given(frames)
def test_scapy_reads_what_we_write(frame):
    packet = scapy.BOOTP(frame.encode())
    assert seen(packet) == header(frame)
    read = dict(options_seen(packet))
    assert read.pop(53) == [1]
    assert read == {c: [v] for c, v in frame.options if c != 53}


@given(frames)
def test_we_read_what_scapy_writes(frame):
    fields = header(frame)
    fields["flags"] = frame.flags
    options = [("message-type", 1)]
    options += [(code, value) for code, value in frame.options if code != 53]
    packet = scapy.BOOTP(**fields) / scapy.DHCP(options=[*options, "end"])
    assert decode(bytes(packet)) == frame


@pytest.mark.parametrize("name", RECORDED)
def test_real_messages_are_the_same_to_both(name):
    frame, packet = decode(RECORDED[name]), scapy.BOOTP(RECORDED[name])
    assert seen(packet) == header(frame)
    assert [number for number, _ in options_seen(packet)] == [
        code for code, _ in frame.options
    ]
