"""Emulated firmware says what the real one was recorded to say."""

from ipaddress import IPv4Address

import pytest

from fastboot.dhcp.options import MessageType
from fastboot.dhcp.packet import decode
from fastboot.testing.firmware import KINDS
from fastboot.tftp.packet import ReadRequest
from recorded.boots import HERE
from recorded.pcap import read

EMULATED = ("edk2-pxe", "edk2-http", "ipxe")
NUMBER = 97  # of a machine in QEMU: zeros


def sent_to(port, protocol="udp"):
    """All that was recorded to be sent to a port."""
    for path in sorted(HERE.glob("*.pcap")):
        for packet in read(path):
            if (packet.protocol, packet.target_port) == (
                protocol,
                port,
            ) and packet.data:
                yield packet.data


def recorded(kind, port, said=None):
    """What a firmware said on a port of DHCP, the first time."""
    for data in sent_to(port):
        frame = decode(data)
        ours = dict(frame.options).get(93) == kind.arch.to_bytes(2, "big")
        if said not in (None, frame.message_type):
            continue
        if ours and (77 in dict(frame.options)) == (77 in kind.more):
            return frame
    raise AssertionError("nothing was recorded")


def said(frame):
    return [option for option in frame.options if option[0] != NUMBER]


@pytest.mark.parametrize("name", EMULATED)
def test_a_discover_is_the_recorded_one(name):
    kind, real = KINDS[name], recorded(KINDS[name], 67)
    ours = kind.discover(real.chaddr, real.xid)
    assert said(ours) == said(real)
    assert [code for code, _ in ours.options] == [code for code, _ in real.options]
    assert (ours.flags, ours.ciaddr, ours.htype) == (
        real.flags,
        real.ciaddr,
        real.htype,
    )


@pytest.mark.parametrize("name", EMULATED)
def test_a_request_for_an_address_is_the_recorded_one(name):
    kind, real = KINDS[name], recorded(KINDS[name], 67, MessageType.REQUEST)
    address, server = IPv4Address(real.option(50)), IPv4Address(real.option(54))
    ours = kind.request(real.chaddr, real.xid, address, server)
    assert said(ours) == said(real)
    assert (ours.flags, ours.ciaddr) == (real.flags, real.ciaddr)


@pytest.mark.parametrize("name", ["edk2-pxe", "ipxe"])
def test_a_question_to_a_boot_server_is_the_recorded_one(name):
    kind, real = KINDS[name], recorded(KINDS[name], 4011)
    server = IPv4Address(real.option(54) or 0)
    ours = kind.question(real.chaddr, real.xid, real.ciaddr, server)
    assert said(ours) == said(real)
    assert (ours.flags, ours.ciaddr) == (real.flags, real.ciaddr)


@pytest.mark.parametrize("name", ["edk2-pxe", "ipxe"])
def test_requests_for_files_are_the_recorded_ones(name):
    kind, real = KINDS[name], set(sent_to(69))
    for file in (b"snponly.efi", b"other.efi"):
        request = ReadRequest(file, b"octet", kind.tftp).encode()
        if request in real:
            break
    else:
        raise AssertionError(f"{kind.tftp} was never asked for")
    if kind.probe:
        assert ReadRequest(file, b"octet", kind.probe).encode() in real


@pytest.mark.parametrize("name", ["edk2-http", "ipxe"])
def test_heads_of_requests_are_the_recorded_ones(name):
    kind = KINDS[name]
    fields = [(field, value or "10.77.0.2") for field, value in kind.fields]
    lines = "".join(f"{field}: {value}\r\n" for field, value in fields)
    file = "snponly.efi" if kind.head else "boot.ipxe"
    for method in ("HEAD", "GET") if kind.head else ("GET",):
        head = f"{method} /{file} HTTP/1.1\r\n{lines}\r\n"
        assert head.encode() in set(sent_to(80, "tcp"))


@pytest.mark.parametrize("name", KINDS)
def test_every_message_can_be_read(name):
    kind, own = KINDS[name], IPv4Address("192.0.2.7")
    frames = [kind.discover(bytes(6), 1), kind.request(bytes(6), 1, own, own)]
    if kind.asks:
        frames.append(kind.question(bytes(6), 1, own, own))
    for frame in frames:
        assert decode(frame.encode()).options == frame.options
