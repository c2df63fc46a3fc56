"""A server: what one `Config` opens, and how its parts are joined."""

import os
import socket
from contextlib import closing

import pytest

import fastboot.server
from fastboot.config import (
    BootConfig,
    Config,
    DhcpConfig,
    HttpConfig,
    HttpsConfig,
    TftpConfig,
)
from fastboot.errors import ConfigError, ListenError, NotFound, Refused
from fastboot.events import Listening
from fastboot.interfaces import Interface, Interfaces
from fastboot.server import Server
from fastboot.tftp.packet import OptionAck, ReadRequest, decode
from fastboot.tree import Client

PATIENCE = 20.0
"""Seconds until an answer that does not come fails the test."""

ME = Client("192.0.2.1", "http")

PROTOCOLS = ("tftp", "http", "dhcp")


def config(folder, *protocols, http_port=0, pages=True, **more):
    """Settings for some protocols on loopback, on whatever ports are free."""
    return Config(
        folder,
        address=("127.0.0.1",),
        tftp=TftpConfig(enabled="tftp" in protocols, port=0),
        http=HttpConfig(enabled="http" in protocols, port=http_port, pages=pages),
        dhcp=DhcpConfig(
            mode="proxy" if "dhcp" in protocols else "off", port=0, pxe_port=0
        ),
        boot=BootConfig(programs=()),
        **more,
    )


@pytest.fixture
def start(tmp_path):
    """Start servers of a folder; they are closed at the end."""
    servers = []

    def started(*protocols):
        servers.append(Server(config(tmp_path, *protocols), print))
        return servers[-1]

    yield started
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    "protocols", [(), ("tftp",), ("http",), ("dhcp",), ("http", "dhcp"), PROTOCOLS]
)
def test_what_is_on_is_open_and_nothing_else(start, protocols):
    server = start(*protocols)
    assert tuple(server.engines) == protocols
    assert [server.port(name) is not None for name in PROTOCOLS] == [
        name in protocols for name in PROTOCOLS
    ]


def test_each_open_port_is_announced(start):
    server, events = start(*PROTOCOLS), []
    server.announce(events.append)
    assert {event.protocol for event in events} == set(PROTOCOLS)
    assert all(isinstance(event, Listening) and event.port for event in events)
    assert len(events) == 4  # DHCP has two


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_engine_may_be_closed_twice(start, protocol):
    engine = start(protocol).engines[protocol][0]
    engine.close()
    spares = [os.dup(0) for _ in range(10)]  # the numbers that the engine had
    engine.close()
    for spare in spares:
        os.close(spare)  # which a second close leaves alone


def test_a_server_may_be_closed_twice(start):
    server = start(*PROTOCOLS)
    server.close()
    server.close()


def test_closing_gives_every_descriptor_back(start):
    before = len(os.listdir("/proc/self/fd"))
    start(*PROTOCOLS).close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_R18_a_port_that_is_taken_leaves_nothing_open(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        before = len(os.listdir("/proc/self/fd"))
        taken = holder.getsockname()[1]
        settings = config(tmp_path, *PROTOCOLS, http_port=taken)
        with pytest.raises(ListenError):
            Server(settings, print)
        assert len(os.listdir("/proc/self/fd")) == before


def test_an_interface_that_is_not_there_is_named_with_those_that_are(tmp_path):
    settings = config(tmp_path, interface=("none0",))
    with pytest.raises(ConfigError, match=r"no interface none0; name one of: .*lo"):
        Server(settings, print)


def ask_for_large_blocks(engine, name):
    """The blksize that TFTP grants a client that asks for the largest there is."""
    request = ReadRequest(name, b"octet", ((b"blksize", b"65464"),))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.bind(("127.0.0.1", 0))
        client.sendto(request.encode(), engine.ports[0])
        engine.poll(PATIENCE)
        answer = decode(client.recv(2048))
    assert isinstance(answer, OptionAck)
    return int(dict(answer.options)[b"blksize"])


def test_tftp_blocks_fit_the_mtu_of_the_interface_they_leave_by(
    start, tmp_path, monkeypatch
):
    def narrow():
        return [Interface("lo", socket.if_nametoindex("lo"), mtu=1500)]

    monkeypatch.setattr(fastboot.server, "Interfaces", lambda: Interfaces(narrow))
    (tmp_path / "file").write_bytes(b"content")
    engine = start("tftp").engines["tftp"][0]
    assert ask_for_large_blocks(engine, b"file") == 1500 - 20 - 8 - 4


def test_the_folder_comes_before_the_menu_and_the_menu_before_programs(start, tmp_path):
    server = start("http")
    menu = server.tree.open("boot.ipxe", ME)
    assert menu.read(0, 6) == b"#!ipxe"
    (tmp_path / "boot.ipxe").write_bytes(b"#!ipxe\nshell\n")
    own = server.tree.open("boot.ipxe", ME)
    assert own.read(0, 99) == b"#!ipxe\nshell\n"
    own.close()


def test_people_see_the_folder_and_machines_what_they_saw_before(start, tmp_path):
    reader = Client("192.0.2.1", "http", accept="text/plain")
    (tmp_path / "file").write_bytes(b"content")
    tree = start("http").tree
    page = tree.open("/", reader)
    assert page.read(0, page.size).endswith(b"  file\n")
    for name in ("/file", "/boot.ipxe"):  # whoever asks
        blobs = [tree.open(name, client) for client in (ME, reader)]
        assert blobs[0].etag == blobs[1].etag
        for blob in blobs:
            blob.close()
    with pytest.raises(NotFound):
        tree.open("/", ME)


def test_pages_can_be_switched_off(tmp_path):
    settings = config(tmp_path, "http", pages=False)
    with closing(Server(settings, print)) as server, pytest.raises(NotFound):
        server.tree.open("/", Client("192.0.2.1", "http", accept="text/html"))


def test_machines_are_sent_to_the_http_port_that_is_open(start):
    server = start("http")
    assert server.site().http_port == server.engines["http"][0].ports[0][1]
    assert start("tftp").site().http_port is None


@pytest.mark.parametrize("boot", [False, True])
def test_machines_are_sent_to_https_where_that_is_wanted(tmp_path, boot):
    """Where it is not, no machine has to be told about certificates."""
    (tmp_path / "images").mkdir()
    https = HttpsConfig(enabled=True, port=0, state=tmp_path / "state", boot_urls=boot)
    settings = config(tmp_path / "images", "http", https=https)
    with closing(Server(settings, print)) as server:
        site = server.site()
        assert site.secure is boot
        assert site.http_port == server.port("https" if boot else "http")


def test_without_https_there_is_nothing_to_read_again(start):
    server = start("http")
    assert not server.reloads
    server.reload()


def test_tftp_is_offered_to_firmware_on_its_own_port_alone(start, monkeypatch):
    server = start("tftp")
    assert not server.site().tftp
    monkeypatch.setattr(fastboot.server, "TFTP_PORT", server.port("tftp"))
    assert server.site().tftp


@pytest.mark.parametrize("any_case", [True, False])
def test_P8_names_in_another_case_are_found_where_that_is_wanted(tmp_path, any_case):
    (tmp_path / "Tools.ipxe").write_bytes(b"#!ipxe")
    server = Server(config(tmp_path, any_case=any_case), print)
    try:
        if any_case:
            server.tree.open("tools.IPXE", ME).close()
        else:
            with pytest.raises(NotFound):
                server.tree.open("tools.IPXE", ME)
    finally:
        server.close()


def test_P8_a_name_as_it_is_written_goes_before_others(tmp_path):
    (tmp_path / "Tools.ipxe").write_bytes(b"upper")
    (tmp_path / "tools.ipxe").write_bytes(b"lower")
    server = Server(config(tmp_path), print)
    try:
        for name, content in (("Tools.ipxe", b"upper"), ("tools.ipxe", b"lower")):
            blob = server.tree.open(name, ME)
            assert blob.read(0, 9) == content
            blob.close()
    finally:
        server.close()


def test_P10_only_public_files_are_served_where_that_is_the_rule(tmp_path):
    (tmp_path / "private").write_bytes(b"secret")
    (tmp_path / "private").chmod(0o640)
    server = Server(config(tmp_path, world_readable=True), print)
    try:
        with pytest.raises(Refused):
            server.tree.open("private", ME)
    finally:
        server.close()
