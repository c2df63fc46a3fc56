"""Who took a file has heard us: the compiled data path serves such from one port."""

import pytest

from fastboot._ext import twin
from fastboot.tftp.packet import Ack, Data, Error
from fastboot.tftp.ports import POOL
from fastboot.tree import Memory

FILE = bytes(1100)
KNOWN, OTHER = "127.0.0.5", "127.0.0.6"
MANY = 12 * POOL  # clients, of which by chance not all get the same port

pytestmark = pytest.mark.ext


@pytest.fixture
def carrier():
    """The compiled data path alone: Python's gains nothing by it."""
    compiled = twin("tftp_carrier")
    if compiled is None:
        pytest.skip("the compiled parts are not built")
    return compiled.Carrier


@pytest.fixture
def served(serve):
    """An engine from which one address has taken a file."""
    served = serve(Memory({"file": FILE}), max_per_client=10**4, max_request_rate=10**4)
    served.get(served.client(KNOWN), b"file")
    return served


def asked(served, address):
    """A new client that has got the first block, and the port that it came from."""
    sock = served.client(address)
    packet, tid = served.ask(sock, b"file")
    assert packet == Data(1, FILE[:512])
    return sock, tid


def ports(served, address):
    """The ports from which many clients of an address get their files."""
    found = set()
    for _ in range(MANY):
        sock, tid = asked(served, address)
        served.say(sock, Error(0, b""), tid)
        found.add(tid[1])
    return found


def test_T3_who_took_no_file_is_told_a_port_that_others_cannot_guess(served):
    assert len(ports(served, OTHER)) > 1


def test_who_took_one_has_the_same_port_from_then_on(served):
    assert len(ports(served, KNOWN)) == 1


def test_who_takes_none_for_ten_minutes_does_not(served):
    served.poll(601)
    assert len(ports(served, KNOWN)) > 1


def test_T6_a_port_stays_while_transfers_run(served):
    running = [asked(served, OTHER) for _ in range(MANY)]
    assert len({tid for _, tid in running}) > 1
    sock, tid = running[0]
    for block in (1, 2, 3):
        served.say(sock, Ack(block), tid)
    for sock, tid in running[1:]:  # which is known from now on, and asks again
        assert served.ask(sock, b"file") == (Data(1, FILE[:512]), tid)


def test_T3_a_guessed_ack_ends_what_it_was_meant_for_all_the_same(served):
    (usual,) = ports(served, KNOWN)
    sock, tid = next(
        pair for pair in iter(lambda: asked(served, OTHER), None) if pair[1][1] != usual
    )
    assert served.say(sock, Ack(1), (tid[0], usual)) == (None, None)
    assert "wrong port" in served.events[-1].reason
