"""A neighbour's MAC, as the kernel knows it (rtnetlink(7))."""

import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.neighbours import answer, hardware_address_of, question
from peers import need, need_root

MAC = bytes.fromhex("525400123456")
KNOWN = (
    struct.pack("=IHHII", 48, 28, 0, 1, 77)  # length, RTM_NEWNEIGH, flags, number, port
    + struct.pack("=BxxxiHBB", 2, 3, 2, 0, 1)  # AF_INET, index, reachable, flags, type
    + struct.pack("=HH", 8, 1)  # NDA_DST
    + socket.inet_aton("10.0.0.7")
    + struct.pack("=HH", 10, 2)  # NDA_LLADDR
    + MAC
    + bytes(2)  # to four bytes
)
UNKNOWN = struct.pack("=IHHIIi", 36, 2, 0, 1, 77, -2)  # NLMSG_ERROR, ENOENT


def test_the_answer_has_the_mac():
    assert answer(KNOWN) == MAC


def test_an_error_has_none():
    assert answer(UNKNOWN + question("10.0.0.7", 3)) is None


def test_a_neighbour_that_did_not_answer_has_none():
    assert answer(KNOWN[:36]) is None


@given(st.binary(max_size=80))
def test_any_answer_is_survived(tail):
    answer(tail)
    answer(KNOWN[:28] + tail)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.0.2.77"])
def test_who_is_no_neighbour_has_no_mac(address):
    assert hardware_address_of(address, 1) is None


def test_without_an_interface_nothing_is_asked():
    assert hardware_address_of("192.0.2.77", 0) is None


NEIGHBOURS = """
set -e
ip link add one type veth peer name other && ip link set one up
ip address add 10.77.0.1/24 dev one
ip neighbour add 10.77.0.7 lladdr 52:54:00:12:34:56 dev one
ip neighbour add fe80::7 lladdr 52:54:00:12:34:57 dev one
exec "$@"
"""
ASK = """
import socket
from fastboot.neighbours import hardware_address_of as of
index = socket.if_nametoindex("one")
print([mac and mac.hex() for mac in (
    of("10.77.0.7", index), of("fe80::7%one", index), of("10.77.0.8", index)
)])
"""


def test_the_kernel_tells_the_macs_of_both_families():
    need_root()
    need("ip")
    done = subprocess.run(
        [
            need("unshare"),
            "-n",
            "sh",
            "-c",
            NEIGHBOURS,
            "sh",
            sys.executable,
            "-c",
            ASK,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    assert done.stdout.strip() == "['525400123456', '525400123457', None]", done.stderr
