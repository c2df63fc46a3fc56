"""DHCP's sockets over loopback, and its replies as another program reads them."""

import errno
import os
import select
import socket
import struct
import subprocess
import time
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from fastboot import events, interfaces, listen
from fastboot.boot.choose import Site
from fastboot.config import DhcpConfig
from fastboot.dhcp import engine as engine_module
from fastboot.dhcp import ports, rate, waiting
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.outcome import Origin, Reply
from fastboot.dhcp.packet import decode
from fastboot.dhcp.proxy import Proxy
from fastboot.errors import ListenError
from fastboot.interfaces import Interfaces
from fastboot.listen import Place
from peers import need

from .clients import bios, ipxe, laptop, raspberry_pi, to_boot_server, uefi, uefi_http
from .lan import EVERYWHERE, SOON, Serving, udp

LOOPBACK = (Place("127.0.0.1"),)
ANY_PORTS = DhcpConfig(port=0, pxe_port=0)


@pytest.fixture
def local():
    """An engine on loopback and a client's socket."""
    with Serving(ANY_PORTS, LOOPBACK) as serving, udp() as client:
        client.bind(("127.0.0.1", 0))
        yield serving, client


def discovers(serving):
    return ("127.0.0.1", serving.engine.ports[0][1])


def questions(serving):
    return ("127.0.0.1", serving.engine.ports[1][1])


def test_a_question_is_answered_from_the_port_and_address_that_it_came_to(local):
    serving, client = local
    client.sendto(to_boot_server().encode(), questions(serving))
    serving.poll()
    data, source = client.recvfrom(2048)
    assert source == questions(serving)
    assert decode(data).option(Code.BOOTFILE_NAME) == b"ipxe.efi\0"
    assert decode(data).siaddr == IPv4Address("127.0.0.1")


def test_an_answer_is_reported_and_counted(local):
    serving, client = local
    client.sendto(to_boot_server().encode(), questions(serving))
    serving.poll()
    assert [event.message for event in serving.events] == ["ack"]
    assert serving.count("acks") == 1


def test_a_program_on_this_machine_that_plays_a_client_is_answered(local):
    """Loopback carries no broadcast, and no such address comes over a network."""
    serving, client = local
    client.sendto(uefi().encode(), discovers(serving))
    serving.poll()
    data, source = client.recvfrom(2048)
    assert source == discovers(serving)
    assert decode(data).message_type == MessageType.OFFER


def test_D1_garbage_is_dropped_reported_and_counted(local):
    serving, client = local
    client.sendto(b"\xff" * 300, discovers(serving))
    serving.poll()
    assert [type(event) for event in serving.events] == [events.Dropped]
    assert serving.count("dropped") == 1


def test_D1_an_endless_message_is_dropped(local):
    serving, client = local
    client.sendto(uefi().encode() + bytes(5000), discovers(serving))
    serving.poll()
    assert "too long" in serving.events[0].reason


def test_D8_a_laptop_hears_nothing(local):
    serving, client = local
    client.sendto(laptop().encode(), discovers(serving))
    serving.poll()
    assert serving.count("ignored") == 1
    assert serving.events == []


def test_D10_a_relay_on_loopback_is_dropped(local):
    serving, client = local
    frame = uefi(giaddr=IPv4Address("127.0.0.9"))
    client.sendto(frame.encode(), discovers(serving))
    serving.poll()
    assert serving.count("dropped") == 1


def test_a_machine_with_nothing_to_boot_is_reported():
    site = Site("images", lambda arch: None)
    with Serving(ANY_PORTS, LOOPBACK, site=site) as serving, udp() as client:
        client.sendto(to_boot_server().encode(), questions(serving))
        serving.poll()
        assert [type(event) for event in serving.events] == [events.Unbootable]
        assert serving.count("unbootable") == 1


def test_a_mistake_of_ours_is_reported_and_the_next_message_is_answered(local):
    serving, client = local
    receive, serving.proxy.receive = serving.proxy.receive, None
    client.sendto(to_boot_server().encode(), questions(serving))
    serving.poll()
    assert [type(event) for event in serving.events] == [events.Fault]
    serving.proxy.receive = receive
    client.sendto(to_boot_server().encode(), questions(serving))
    serving.poll()
    assert serving.count("acks") == 1


def test_D7_a_client_that_asks_without_end_is_not_answered_without_end(monkeypatch):
    monkeypatch.setattr(rate, "MACHINE_RATE", (0.0, 8.0, 16))
    with Serving(ANY_PORTS, LOOPBACK) as serving, udp() as client:
        for _ in range(20):
            client.sendto(to_boot_server().encode(), questions(serving))
        serving.poll(20)
        assert (serving.count("acks"), serving.count("limited")) == (8, 12)


def test_D7_all_together_are_not_answered_without_end(monkeypatch):
    monkeypatch.setattr(rate, "TOTAL_RATE", (0.0, 3.0, 1))
    with Serving(ANY_PORTS, LOOPBACK) as serving:
        for number in range(5):
            with udp() as client:
                client.bind((f"127.0.0.{number + 2}", 0))
                client.sendto(to_boot_server().encode(), questions(serving))
        serving.poll(5)
        assert (serving.count("acks"), serving.count("limited")) == (3, 2)


def test_every_message_counts_as_one_thing(local):
    serving, client = local
    for data in (b"", laptop().encode(), bios().encode(), uefi(xid=2).encode()):
        client.sendto(data, discovers(serving))
    client.sendto(to_boot_server().encode(), questions(serving))
    serving.poll(5)
    counters = serving.engine.stats()
    assert counters.pop("received") == sum(counters.values()) == 5


def test_an_address_that_is_not_to_be_served_is_ignored():
    with Serving(ANY_PORTS, (Place("192.0.2.77"),)) as serving, udp() as client:
        client.sendto(to_boot_server().encode(), questions(serving))
        serving.poll()
        assert serving.count("ignored") == 1


def test_an_interface_without_an_ipv4_address_is_ignored():
    bare = Interfaces(lambda: [interfaces.Interface("lo", 1)])
    with Serving(ANY_PORTS, EVERYWHERE, bare) as serving, udp() as client:
        client.sendto(to_boot_server().encode(), questions(serving))
        serving.poll()
        assert serving.count("ignored") == 1


def test_an_interface_that_is_not_there_is_ignored():
    none = Interfaces(list)
    with Serving(ANY_PORTS, EVERYWHERE, none) as serving, udp() as client:
        client.sendto(to_boot_server().encode(), questions(serving))
        serving.poll()
        assert serving.count("ignored") == 1


def test_places_without_ipv4_are_an_error_for_people():
    with pytest.raises(ListenError, match="IPv4"):
        Serving(ANY_PORTS, (Place("::1"),))


def test_a_port_that_another_program_has_is_an_error_and_leaks_nothing():
    with udp() as holder:
        holder.bind(("0.0.0.0", 0))
        before = len(os.listdir("/proc/self/fd"))
        config = DhcpConfig(port=0, pxe_port=holder.getsockname()[1])
        with pytest.raises(ListenError, match="this program has it"):
            Serving(config, LOOPBACK)
        assert len(os.listdir("/proc/self/fd")) == before


def test_closing_leaks_nothing():
    before = len(os.listdir("/proc/self/fd"))
    with Serving(ANY_PORTS, LOOPBACK):
        pass
    assert len(os.listdir("/proc/self/fd")) == before


def test_closing_twice_closes_nothing_else(local):
    serving, _ = local
    serving.engine.close()
    spares = [os.dup(0) for _ in range(10)]  # the numbers that the engine had
    serving.engine.close()
    for spare in spares:
        os.close(spare)


def test_answers_may_be_fragmented_on_their_way(local):
    serving, _ = local
    for port in serving.engine._ports:
        value = port.sock.getsockopt(socket.IPPROTO_IP, listen.IP_MTU_DISCOVER)
        assert value == listen.IP_PMTUDISC_DONT


def test_a_drained_engine_is_idle_and_has_no_ports(local):
    serving, client = local
    to = questions(serving)
    assert serving.engine.idle
    serving.engine.drain()
    assert serving.engine.ports == ()
    client.sendto(to_boot_server().encode(), to)
    serving.engine.poll()
    assert serving.count("received") == 0


def test_an_engine_may_be_drained_by_what_it_reports():
    def report(event):
        serving.engine.drain()

    with Serving(ANY_PORTS, LOOPBACK, emit=report) as serving, udp() as client:
        for to in (questions(serving), discovers(serving)):
            client.sendto(b"garbage", to)
            client.sendto(b"garbage", to)
        serving.engine.poll(SOON)
        assert serving.engine.ports == ()
        assert serving.count("dropped") == 1


def test_the_descriptor_is_readable_when_there_is_something_to_do(local):
    serving, client = local
    assert select.select([serving.engine], [], [], 0)[0] == []
    client.sendto(laptop().encode(), discovers(serving))
    assert select.select([serving.engine], [], [], SOON)[0] == [serving.engine]


def test_one_socket_does_not_keep_the_other_waiting(local):
    serving, client = local
    for _ in range(engine_module.BATCH + 1):
        client.sendto(laptop().encode(), discovers(serving))
    client.sendto(to_boot_server().encode(), questions(serving))
    serving.engine.poll(SOON)
    assert serving.count("ignored") == engine_module.BATCH
    assert serving.count("acks") == 1


def test_an_answer_may_be_held_back():
    config = replace(ANY_PORTS, delay=0.25)
    with Serving(config, LOOPBACK) as serving, udp() as client:
        began = time.monotonic()
        client.sendto(to_boot_server().encode(), questions(serving))
        serving.poll()
        while not serving.count("acks"):
            serving.engine.poll(SOON)
        assert time.monotonic() - began >= 0.25
        assert decode(client.recv(2048)).message_type == MessageType.ACK


def test_D7_only_so_many_answers_are_held_back(monkeypatch):
    monkeypatch.setattr(waiting, "HELD_MAX", 3)
    config = replace(ANY_PORTS, delay=1.5)
    with Serving(config, LOOPBACK) as serving, udp() as client:
        for _ in range(5):
            client.sendto(to_boot_server().encode(), questions(serving))
        serving.poll(5)
        assert serving.count("limited") == 2


def test_what_is_held_back_is_dropped_by_a_drain():
    config = replace(ANY_PORTS, delay=0.01)
    with Serving(config, LOOPBACK) as serving, udp() as client:
        client.sendto(laptop().encode(), questions(serving))
        client.sendto(to_boot_server().encode(), questions(serving))
        serving.poll(2)
        serving.engine.drain()
        serving.engine.poll(0.05)
        assert serving.count("acks") == 0


class Broken(socket.socket):
    """A socket whose interface is down the first time that it is read."""

    def recvmsg(self, *args):
        if not hasattr(self, "was_read"):
            self.was_read = True
            raise OSError(errno.ENETDOWN, "Network is down")
        return super().recvmsg(*args)


def test_R7_a_read_that_fails_is_survived(monkeypatch):
    def broken(*args, **options):
        return Broken(fileno=listen.udp(*args, **options).detach())

    monkeypatch.setattr(ports, "udp", broken)
    with Serving(ANY_PORTS, LOOPBACK) as serving, udp() as client:
        client.sendto(to_boot_server().encode(), questions(serving))
        serving.poll()
        assert serving.count("acks") == 1


def test_waking_ends_a_poll(local):
    serving, _ = local
    serving.engine.wake()
    serving.engine.poll(None)


def test_R6_a_clock_that_is_set_changes_nothing(local, monkeypatch):
    """Deadlines, rates and what is remembered go by a clock that nobody sets."""
    serving, client = local
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    client.sendto(to_boot_server().encode(), questions(serving))
    serving.poll()
    assert serving.count("acks") == 1


# Judged by another program


def udp_packet(source, to, payload):
    """An Ethernet frame with IPv4 and UDP around a message (checksums left out)."""
    length = 8 + len(payload)
    ip = struct.pack(
        *("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, 64, 17, 0),
        *(socket.inet_aton(source[0]), socket.inet_aton(to[0])),
    )
    header = struct.pack("!HHHH", source[1], to[1], length, 0)
    return bytes(12) + b"\x08\x00" + ip + header + payload


def write_pcap(path, packets):
    """A capture file of Ethernet frames (LINKTYPE 1), all of the same second."""
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for packet in packets:
        data += struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet
    path.write_bytes(data)


def replies():
    """Every kind of reply, as sent: source, destination, message."""
    server = IPv4Address("192.0.2.2")
    asked = Origin(server, boot_server=True, address="192.0.2.50", port=4011)
    item = (Code.VENDOR_SPECIFIC, b"\x47\x04\x80\x00\x00\x00\xff")
    info = (Code.RELAY_AGENT_INFORMATION, b"\x01\x04port\x02\x03hub")
    relay = IPv4Address("198.51.100.1")
    names = ("ipxe.efi", "x" * 200)  # the second stands in option 67 alone
    for name in names:
        proxy = Proxy(Site("images", lambda arch, name=name: name, http_port=8080))
        for frame, origin in (
            *((frame, Origin(server)) for frame in (bios(), uefi(), uefi_http())),
            (raspberry_pi(), Origin(server)),
            *((frame, Origin(server)) for frame in (ipxe(), bios(info, giaddr=relay))),
            *((to_boot_server(*more), asked) for more in ((), (item,))),
        ):
            outcome = proxy.receive(frame, origin, 0.0)
            assert isinstance(outcome, Reply)
            port = 4011 if origin.boot_server else 67
            yield (str(server), port), outcome.to, outcome.data


WRONG = "_ws.expert.severity >= 0x600000 || _ws.malformed"
"""tshark's filter for warnings and errors (0x600000 and 0x800000 are their numbers)."""


def tshark(path, *arguments):
    command = [need("tshark"), "-n", "-r", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_tshark_finds_nothing_wrong_with_any_reply(tmp_path):
    capture = tmp_path / "replies.pcap"
    packets = [udp_packet(*reply) for reply in replies()]
    write_pcap(capture, packets)
    assert len(tshark(capture, "-Y", "dhcp.type == 2")) == len(packets)
    assert tshark(capture, "-Y", WRONG) == []


def test_tshark_finds_what_is_wrong_with_a_spoilt_reply(tmp_path):
    capture = tmp_path / "spoilt.pcap"
    source, to, data = next(replies())
    write_pcap(
        capture, [udp_packet(source, to, data.replace(b"\x36\x04", b"\x36\xff"))]
    )
    assert tshark(capture, "-Y", WRONG) != []
