"""Looking for another DHCPv6 server: its question, what counts as an answer, a real one."""

import io
from contextlib import closing
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dhcp.lan import inside
from dhcp.v6.lan import Lan
from fastboot.commands.banner import write_banner
from fastboot.config import Config, DhcpConfig, HttpConfig, TftpConfig
from fastboot.dhcp.foreign import Foreign
from fastboot.dhcp.v6 import foreign
from fastboot.dhcp.v6.options import Association, Code
from fastboot.dhcp.v6.packet import Kind, Message, decode
from fastboot.errors import ListenError
from fastboot.leasing import refuse_a_second_ipv6
from fastboot.server import Server
from firmware.network import Namespace
from peers import need

MAC = bytes.fromhex("525400000007")
SERVER = "fe80::1"
OFFERED = IPv6Address("fd00::77")


def advertise(*options, kind=Kind.ADVERTISE, xid=7, held=(OFFERED,)):
    association = (Code.IA_NA, Association(1, held).encode())
    return Message(kind, xid, (association, *options)).encode()


def test_the_question_is_a_clients_solicit_for_an_address():
    message = decode(foreign.solicit(MAC, 7).encode())
    assert (message.kind, message.xid) == (Kind.SOLICIT, 7)
    assert message.option(Code.CLIENT_ID) == b"\0\3\0\1" + MAC
    assert Association.decode(message.option(Code.IA_NA)) == Association(1)


def test_an_offer_of_an_address_shows_a_server():
    found = foreign.read_advertise(advertise(), 7, "eth0", SERVER)
    assert found == Foreign("eth0", IPv6Address(SERVER), OFFERED)


@pytest.mark.parametrize(
    "data",
    [
        advertise(xid=8),
        advertise(kind=Kind.REPLY),
        advertise(held=()),
        Message(Kind.ADVERTISE, 7).encode(),  # a proxy
        Message(Kind.ADVERTISE, 7, ((Code.IA_NA, b"\0"),)).encode(),
        b"\x0d" + bytes(33),
        b"",
    ],
    ids=["not to us", "reply", "no address", "proxy", "garbage", "relay", "nothing"],
)
def test_anything_else_shows_none(data):
    assert foreign.read_advertise(data, 7, "eth0", SERVER) is None


@given(st.binary(max_size=400))
def test_D2_no_bytes_harm(data):
    foreign.read_advertise(data, 7, "eth0", SERVER)


def test_without_an_interface_there_is_nobody_to_ask():
    assert foreign.look([]) is None


@pytest.fixture(scope="module")
def lan():
    need("ip")
    with Namespace() as ours, Namespace() as router:
        yield Lan(ours, router)


def look(lan):
    with inside(lan.ours):
        refuse_a_second_ipv6(Config(Path(), dhcp=DhcpConfig(mode="server")))


def test_D9_where_another_server_gives_ipv6_addresses_none_is_begun(lan):
    with lan.routing(), pytest.raises(ListenError) as caught:
        look(lan)
    text = str(caught.value)
    assert text.startswith("another DHCPv6 server, fe80::")
    assert "answers on eth0 (it offers fd77::1" in text
    assert "--no-dhcp-ipv6" in text


def test_D9_where_none_answers_it_begins(lan, monkeypatch):
    monkeypatch.setattr(foreign, "WAIT", 0.1)
    monkeypatch.setattr(foreign, "AGAIN", 0.05)
    look(lan)


def test_the_first_screen_says_of_which_networks_addresses_are_given(lan, tmp_path):
    config = Config(
        tmp_path,
        tftp=TftpConfig(enabled=False),
        http=HttpConfig(enabled=False),
        dhcp=DhcpConfig(mode="server", force=True),
    )
    console = Console(width=200, record=True, file=io.StringIO())
    with inside(lan.ours), closing(Server(config)) as server:
        write_banner(console, server, privileged=True)
    assert "DHCPv6  server, gives addresses of fd77::/64" in console.export_text()


def test_where_a_client_has_the_port_nobody_is_asked(monkeypatch):
    def taken(*_, **__):
        raise ListenError("taken")

    monkeypatch.setattr(foreign, "udp", taken)
    assert foreign.look([("lo", 1, MAC)]) is None
