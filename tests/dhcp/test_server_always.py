"""What holds of the lease server whatever is asked, and judged by another program."""

import subprocess
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.config.subnet import SubnetTable
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.outcome import BROADCAST, Ignored, Noted, Reply
from fastboot.dhcp.packet import Frame, decode
from fastboot.events import Dropped
from peers import need

from .clients import bios, ipxe, uefi, uefi_http
from .lease_server import (
    ACK,
    NAK,
    OFFER,
    RELAY,
    SERVER,
    TABLES,
    Serving,
    client,
    decline,
    ip,
    mac,
    reboot,
    release,
    renew,
    seconds,
    select,
)

# Together


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["discover", "select", "renew", "reboot", "release", "decline", "restart"]
        ),
        st.integers(1, 6),  # who
        st.integers(98, 104),  # which address
        st.sampled_from([0.0, 1.0, 40.0, 4000.0]),  # after so long
    ),
    max_size=40,
)


@given(STEPS)
def test_no_address_is_given_to_two_whatever_happens(steps):
    site, holders = Serving(), {}  # address -> who was promised it, and until when
    for what, who, last, after in steps:
        site.now += after
        address = ip(last)
        frame = {
            "discover": lambda who=who: client(who),
            "select": lambda who=who, a=address: select(a, who),
            "renew": lambda who=who, a=address: renew(a, who),
            "reboot": lambda who=who, a=address: reboot(a, who),
            "release": lambda who=who, a=address: release(a, who),
            "decline": lambda who=who, a=address: decline(a, who),
            "restart": lambda: None,
        }[what]()
        if frame is None:
            site = site.restart()
            continue
        outcome = site.ask(frame)
        site.settle()
        if isinstance(outcome, Noted):
            assert holders.pop(address, (who, 0.0))[0] == who
        if isinstance(outcome, Reply):
            found = decode(outcome.data)
            if found.message_type != NAK:
                assert ip(100) <= found.yiaddr <= ip(103)
                owner, until = holders.get(found.yiaddr, (who, 0.0))
                assert owner == who or until <= site.now
            if found.message_type == ACK:
                holders[found.yiaddr] = (who, site.now + seconds(found))


CODES = sorted({*Code, 224} - {Code.PAD, Code.END, Code.OVERLOAD, Code.MESSAGE_TYPE})
ADDRESSES = st.one_of(
    st.sampled_from([ip(100), ip(50), ip(2), ip(0), RELAY, SERVER, IPv4Address(0)]),
    st.integers(0, 0xFFFFFFFF).map(IPv4Address),
)
VALUES = st.one_of(st.binary(max_size=40), ADDRESSES.map(lambda item: item.packed))
MESSAGES = st.builds(
    lambda kind, options, **fields: Frame(
        options=((Code.MESSAGE_TYPE, bytes((kind,))), *options.items()), **fields
    ),
    kind=st.integers(1, 9),
    options=st.dictionaries(st.sampled_from(CODES), VALUES, max_size=6),
    op=st.sampled_from([1, 1, 1, 2]),
    xid=st.integers(0, 0xFFFFFFFF),
    chaddr=st.one_of(st.integers(0, 3).map(mac), st.binary(max_size=16)),
    htype=st.sampled_from([1, 1, 1, 6, 32]),
    flags=st.integers(0, 0xFFFF),
    secs=st.integers(0, 0xFFFF),
    ciaddr=ADDRESSES,
    giaddr=ADDRESSES,
)


@given(st.lists(MESSAGES, max_size=8))
def test_D2_whatever_is_asked_an_answer_is_well_formed_or_there_is_none(frames):
    site = Serving(probe=True)
    for frame in frames:
        outcome = site.ask(frame)
        assert isinstance(outcome, (Reply, Noted, Dropped, Ignored))
        site.settle()
        if isinstance(outcome, Reply):
            found = decode(outcome.data)
            assert 300 <= len(outcome.data) <= 1472
            assert outcome.data.rstrip(b"\0")[-1] == Code.END
            assert (found.op, found.xid, found.chaddr) == (2, frame.xid, frame.chaddr)
            assert found.option(Code.SERVER_IDENTIFIER) == SERVER.packed
            assert found.message_type in (OFFER, ACK, NAK)
            to = IPv4Address(outcome.to[0])
            ours = any(to in subnet.network for subnet in site.server.subnets)
            assert outcome.to == BROADCAST or ours


# Judged by another


FULL = SubnetTable(
    "192.0.2.0/24",
    pool=("192.0.2.100-192.0.2.110",),
    router=("192.0.2.1", "192.0.2.3"),
    dns=("192.0.2.1", "192.0.2.3"),
    ntp=("192.0.2.1",),
    domain="example.org",
    options={
        "domain-search": ["example.org", "a.example"],
        "classless-static-route": ["0.0.0.0/0 192.0.2.1", "10.1.0.0/16 192.0.2.3"],
        "interface-mtu": 9000,
        "tftp-server-address": "192.0.2.2",
        "time-offset": -3600,
    },
)


def test_tshark_has_nothing_to_say_about_any_kind_of_answer(tmp_path):
    scapy = pytest.importorskip("scapy.all", reason="pip install -e '.[test]'")
    site = Serving((FULL, TABLES[1]))
    large = (Code.MAX_MESSAGE_SIZE, (1472).to_bytes(2, "big"))
    info = (Code.RELAY_AGENT_INFORMATION, b"\1\4eth7\2\6" + mac(9))
    asked = [
        client(1, MessageType.DISCOVER, large, (Code.CLIENT_IDENTIFIER, b"\xff" * 9)),
        *(ask() for ask in (bios, uefi, uefi_http, ipxe)),
        client(2, MessageType.DISCOVER, info, giaddr=RELAY),
        select(ip(105), 3),
        renew(ip(105), 3),
        reboot(ip(9, "203.0.113"), 3),
        select(ip(105), 4),
        client(5, MessageType.INFORM, large, ciaddr=ip(77)),
    ]
    replies = [site.ask(frame) for frame in asked]
    wire = scapy.Ether(src="52:54:00:00:00:02", dst="ff:ff:ff:ff:ff:ff")
    packets = [
        wire
        / scapy.IP(src=str(SERVER), dst=reply.to[0])
        / scapy.UDP(sport=67, dport=reply.to[1])
        / scapy.Raw(reply.data)
        for reply in replies
    ]
    capture = tmp_path / "answers.pcap"
    scapy.wrpcap(str(capture), packets)
    fields = ("dhcp.option.dhcp", "_ws.expert.message", "_ws.malformed")
    wanted = [word for field in fields for word in ("-e", field)]
    shown = subprocess.run(
        [need("tshark"), "-r", capture, "-T", "fields", *wanted],
        capture_output=True,
        text=True,
        check=True,
    )
    kinds = [line.split("\t") for line in shown.stdout.splitlines()]
    assert kinds == [
        [str(decode(reply.data).message_type), "", ""] for reply in replies
    ]
