"""The last datagrams of a machine, and the file that Wireshark reads."""

import struct
import subprocess

import pytest

from fastboot.dhcp.options import Code
from fastboot.dhcp.packet import BOOTREPLY, BOOTREQUEST, Frame
from fastboot.timeline.packets import PER_CLIENT, Captured, Ring, write_pcap
from peers import need

RRQ = b"\0\1ipxe.efi\0octet\0tsize\0000\0blksize\0001468\0"

ERROR = 0x800000
"""Wireshark's severity of an error (epan/proto.h)."""


def captured(at=1.5, data=RRQ, source=("192.0.2.7", 2070), target=("192.0.2.2", 69)):
    return Captured(at, source, target, data, len(data))


def test_only_the_last_of_a_machine_are_kept():
    ring = Ring(1 << 20)
    for at in range(PER_CLIENT + 5):
        ring.add("a", captured(at))
    kept = ring.of("a")
    assert len(kept) == PER_CLIENT
    assert kept[0].at == 5
    assert ring.cost == sum(packet.cost for packet in kept)


def test_the_machine_not_heard_of_for_longest_makes_room():
    ring = Ring(3 * captured().cost)
    for key in ("a", "b", "a", "c"):
        ring.add(key, captured())
    assert [len(ring.of(key)) for key in "abc"] == [2, 0, 1]
    assert ring.cost <= 3 * captured().cost


def test_a_machine_that_goes_by_another_name_keeps_its_packets_in_order():
    ring = Ring(1 << 20)
    ring.add("mac", captured(2))
    ring.add("address", captured(1))
    ring.move("address", "mac")
    assert [packet.at for packet in ring.of("mac")] == [1, 2]
    assert ring.of("address") == ()
    ring.forget("mac")
    assert ring.cost == 0


def test_the_file_is_written_byte_by_byte_as_the_format_says():
    data = write_pcap([captured(1.000002, b"ab")])
    assert (
        data[:24]
        == (
            b"\xd4\xc3\xb2\xa1"  # microseconds, little-endian
            b"\x02\x00\x04\x00"  # version 2.4
            b"\0\0\0\0" + b"\0\0\0\0"  # time zone, accuracy
            b"\xff\xff\0\0"  # bytes of a packet at the most
            b"\x65\0\0\0"  # LINKTYPE_RAW
        )
    )
    assert struct.unpack("<IIII", data[24:40]) == (1, 2, 30, 30)
    assert (
        data[40:]
        == (
            b"\x45\0\0\x1e" + b"\0\0\0\0"  # IPv4, 30 bytes, no identification
            b"\x40\x11\xf6\xc5"  # lifetime 64, UDP, checksum
            b"\xc0\x00\x02\x07" + b"\xc0\x00\x02\x02"  # from, to
            b"\x08\x16" + b"\x00\x45"  # ports
            b"\x00\x0a\x12\x13"  # length, checksum
            b"ab"
        )
    )


@pytest.mark.interop
def test_tshark_reads_dhcp_both_ways_without_a_complaint(tmp_path):
    file = tmp_path / "trace.pcap"
    kinds = ((b"\1", BOOTREQUEST), (b"\2", BOOTREPLY))
    discover, offer = (
        Frame(op, 7, b"\x52\x54\0\0\0\7", ((Code.MESSAGE_TYPE, kind),)).encode()
        for kind, op in kinds
    )
    question = (("0.0.0.0", 68), ("255.255.255.255", 67))
    answer = (("192.0.2.2", 67), ("255.255.255.255", 68))
    seen = [
        Captured(1.0, *question, discover, len(discover)),
        Captured(1.000125, *answer, offer, len(offer)),
    ]
    file.write_bytes(write_pcap(seen))
    done = subprocess.run(
        [
            *(need("tshark"), "-r", str(file), "-T", "fields", "-E", "separator=|"),
            *("-e", "dhcp.option.dhcp", "-e", "dhcp.hw.mac_addr"),
            *("-e", "frame.time_delta", "-e", "_ws.expert.severity"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    rows = [line.split("|") for line in done.stdout.splitlines()]
    mac = "52:54:00:00:00:07"
    assert [row[:2] for row in rows] == [["1", mac], ["2", mac]]
    assert float(rows[1][2]) == 0.000125
    assert all(int(row[3] or 0) < ERROR for row in rows)


@pytest.mark.interop
def test_tshark_reads_it_without_a_complaint(tmp_path):
    need("tshark")
    file = tmp_path / "trace.pcap"
    v6 = captured(2.25, RRQ, ("2001:db8::7", 2070), ("2001:db8::2", 69))
    file.write_bytes(write_pcap([captured(), v6, captured(3.0, b"\0\5\0\1none\0")]))
    done = subprocess.run(
        [
            *("tshark", "-r", str(file), "-o", "udp.check_checksum:TRUE"),
            *("-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "separator=|"),
            *("-e", "frame.time_epoch", "-e", "tftp.source_file"),
            *("-e", "_ws.expert.severity", "-e", "udp.checksum.status"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    rows = [line.split("|") for line in done.stdout.splitlines()]
    assert [row[1] for row in rows] == ["ipxe.efi", "ipxe.efi", ""]
    assert all(int(row[2] or 0) < ERROR for row in rows)
    assert {row[3] for row in rows} == {"1"}  # good
