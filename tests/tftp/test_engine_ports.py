"""TFTP's engine on its ports: one for all, those that were named, and one for each transfer."""

import os
import socket

import pytest

from fastboot.config.client import TftpClient
from fastboot.errors import ListenError
from fastboot.tftp.packet import Ack, Data, Error
from served import Served

from .files import FILE, TREE


@pytest.mark.parametrize("mode", [b"octet", b"netascii"])
def test_a_single_port_serves_all(serve, mode):
    served = serve(TREE, ports="single")
    one, other = served.client(), served.client()
    _, tid = served.ask(one, b"file", (b"tsize", b"0"))
    assert tid[1] == served.port
    assert served.get(other, b"empty", mode=mode) == b""
    assert served.get(other, b"file", (b"blksize", b"1000")) == FILE
    assert served.say(one, Ack(0), tid)[0] == Data(1, FILE[:512])
    served.say(one, Error(0, b"enough"), tid)
    assert served.engine.idle


def test_T4_on_a_single_port_nobody_else_is_answered(serve):
    served = serve(TREE, ports="single")
    _, tid = served.ask(served.client(), b"file")
    for packet in (Ack(1), Data(1, b""), Error(5, b"unknown transfer")):
        assert served.say(served.client(), packet, tid) == (None, None)


def test_on_a_single_port_a_client_may_ask_anew(serve):
    served = serve(TREE, ports="single")
    sock = served.client()
    _, tid = served.ask(sock, b"file")
    served.say(sock, Ack(1), tid)
    assert served.ask(sock, b"lines")[0] == Data(1, b"one\ntwo\r\n")


def test_draining_a_single_port_finishes_what_runs_and_takes_nothing_new(serve):
    served = serve(TREE, ports="single")
    sock = served.client()
    _, tid = served.ask(sock, b"lines")
    served.engine.drain()
    assert served.ask(served.client(), b"file") == (None, None)
    served.say(sock, Ack(1), tid)
    assert served.engine.idle


def test_files_leave_from_the_ports_that_were_named(serve):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        served = serve(TREE, ports=f"{max(1, port - 30)}-{min(65535, port + 30)}")
        for _ in range(20):
            _, tid = served.ask(served.client(), b"missing")
            assert abs(tid[1] - port) in range(1, 31)


def test_named_ports_that_are_all_taken_are_one_line(carrier):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"port {port}: .* has it"):
            Served(TREE, carrier, ports=f"{port}-{port}")


def test_each_transfer_has_a_port_of_its_own_and_gives_it_back(serve):
    served = serve(TREE, ports="each")
    before = len(os.listdir("/proc/self/fd"))
    one, other = served.client(), served.client()
    _, first = served.ask(one, b"file")
    _, second = served.ask(other, b"file")
    assert len({first[1], second[1], served.port}) == 3
    assert served.ask(one, b"file")[1] == first  # asked again, it is the same
    for sock, tid in ((one, first), (other, second)):
        served.say(sock, Error(0, b"enough"), tid)
    one.close()
    other.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_refusal_leaves_no_port_open(serve):
    served = serve(TREE, ports="each")
    with served.client() as sock:
        before = len(os.listdir("/proc/self/fd"))
        for name in (b"missing", b"../etc/passwd", b"missing"):
            assert isinstance(served.ask(sock, name)[0], Error)
        assert len(os.listdir("/proc/self/fd")) == before


def test_each_port_serves_a_whole_file(serve):
    served = serve(TREE, ports="each")
    for options in ((), ((b"blksize", b"1000"),)):
        assert served.get(served.client(), b"file", *options) == FILE


def test_a_client_with_a_rule_is_answered_from_the_port_that_it_asked(serve):
    rule = TftpClient(options=("tsize",), same_port=True)
    served = serve(TREE, client=(rule,))
    one, other = served.client(), served.client()
    _, tid = served.ask(one, b"file", (b"tsize", b"0"))
    assert tid[1] == served.port
    assert served.ask(one, b"file", (b"tsize", b"0"))[1] == tid  # asked again
    assert served.ask(other, b"file")[1][1] != served.port
    assert served.say(one, Ack(0), tid)[0] == Data(1, FILE[:512])


def test_draining_finishes_what_runs_on_the_port_for_requests(serve):
    rule = TftpClient(options=("tsize",), same_port=True)
    served = serve(TREE, client=(rule,))
    sock = served.client()
    _, tid = served.ask(sock, b"lines", (b"tsize", b"0"))
    served.engine.drain()
    assert served.say(sock, Ack(0), tid)[0] == Data(1, b"one\ntwo\r\n")
    served.say(sock, Ack(1), tid)
    assert served.engine.idle
