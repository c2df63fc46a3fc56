"""Whole files between a client and a server, over links with every fault."""

import random

import pytest

from exchanges import SMALL, Network, Server, fetching, noise, sending
from fastboot.tftp.landing import Memory
from fastboot.tftp.options import Limits
from fastboot.tftp.wishes import NOTHING, Wishes

SIZES = (0, 1, 7, 8, 9, 31, 32, 33, 64, 500)
"""Around blocks of 8 and windows of 4."""

WISHES = {
    "windows": SMALL,
    "stop-and-wait": Wishes(blksize=8, windowsize=1),
    "no-options": NOTHING,
}


def transferred(direction, content, wishes, server, fate=lambda n: None, **more):
    """What came across, and the network that it came across."""
    if direction == "get":
        landing = Memory()
        server.files[b"file"] = content
        network = Network(fetching(landing, wishes, **more), server, fate).run()
        return landing.data, network
    network = Network(sending(content, wishes, **more), server, fate).run()
    return server.kept.data, network


@pytest.mark.parametrize("knows", [True, False, "refuses"])
@pytest.mark.parametrize("wishes", WISHES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("direction", ["get", "put"])
def test_files_of_every_size_come_across(direction, size, wishes, knows):
    server = Server(knows=knows)
    came, network = transferred(direction, noise(size), WISHES[wishes], server)
    assert network.exchange.failure is None
    assert came == noise(size)


@pytest.mark.parametrize("direction", ["get", "put"])
def test_a_server_that_grants_less_gets_less(direction):
    server = Server(limits=Limits(blksize=16, windowsize=2))
    came, network = transferred(direction, noise(99), Wishes(), server)
    assert came == noise(99)
    assert network.exchange.agreed.negotiated.blksize == 16


@pytest.mark.slow
@pytest.mark.parametrize("rollover", [None, 0, 1])
@pytest.mark.parametrize("window", [1, 64])
@pytest.mark.parametrize("direction", ["get", "put"])
def test_T9_numbers_go_around_after_65535(direction, window, rollover):
    content = noise(8 * 65700)
    wishes = Wishes(blksize=8, windowsize=window, rollover=rollover)
    came, network = transferred(direction, content, wishes, Server())
    assert network.exchange.failure is None
    assert came == content


TEXT = b"one\ntwo\rthree\r\nfour\n\n\r\r" * 3


@pytest.mark.parametrize("blksize", range(8, 20))
@pytest.mark.parametrize("direction", ["get", "put"])
def test_T11_a_text_stays_the_same_text(direction, blksize):
    wishes = Wishes(blksize=blksize, windowsize=3)
    came, _ = transferred(direction, TEXT, wishes, Server(), netascii=True)
    assert came == TEXT


def datagrams_of(direction, wishes):
    """How many there are in a transfer of 100 bytes without faults."""
    return transferred(direction, noise(100), WISHES[wishes], Server())[1].carried


@pytest.mark.parametrize("fault", ["lose", "duplicate", "delay"])
@pytest.mark.parametrize("wishes", WISHES)
@pytest.mark.parametrize("direction", ["get", "put"])
def test_whichever_datagram_has_a_fault_the_file_comes_across(direction, wishes, fault):
    for nth in range(datagrams_of(direction, wishes) + 2):
        came, network = transferred(
            direction,
            noise(100),
            WISHES[wishes],
            Server(),
            lambda number, nth=nth: fault if number == nth else None,
        )
        assert network.exchange.failure is None, nth
        assert came == noise(100), nth


@pytest.mark.slow
@pytest.mark.parametrize("wishes", WISHES)
@pytest.mark.parametrize("direction", ["get", "put"])
def test_whichever_two_datagrams_are_lost_the_file_comes_across(direction, wishes):
    count = datagrams_of(direction, wishes)
    for first in range(count):
        for second in range(first + 1, count + 2):
            came, network = transferred(
                direction,
                noise(100),
                WISHES[wishes],
                Server(),
                lambda number, lost=(first, second): "lose" if number in lost else None,
            )
            assert network.exchange.failure is None, (first, second)
            assert came == noise(100), (first, second)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("window", [1, 4, 64])
@pytest.mark.parametrize("direction", ["get", "put"])
def test_files_come_across_links_that_lose_much(direction, window, loss):
    for seed in range(5):
        chance = random.Random(seed)
        content = noise(4000)
        wishes = Wishes(blksize=16, windowsize=window)
        came, network = transferred(
            direction,
            content,
            wishes,
            Server(),
            lambda number, chance=chance: "lose" if chance.random() < loss else None,
        )
        assert network.exchange.failure is None
        assert came == content


@pytest.mark.parametrize("wishes", WISHES)
@pytest.mark.parametrize("direction", ["get", "put"])
def test_T7_where_every_packet_comes_twice_answers_do_not_double(direction, wishes):
    # RFC 1123, section 4.2.3.1: else each round would have twice as many.
    content = noise(4000)
    counts = [
        transferred(direction, content, WISHES[wishes], Server(), fate)[1].carried
        for fate in (lambda number: None, lambda number: "duplicate")
    ]
    assert counts[1] <= 2.2 * counts[0]
