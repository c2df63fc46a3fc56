"""Who is told that he is a stranger, and who is remembered."""

import pytest

from fastboot.tftp.packet import Ack, Data, Error
from fastboot.tftp.strangers import UNHEARD_FOR, UNHEARD_MAX, Unheard

FIRST = Ack(0).encode()


def line(number):
    return 7, ("192.0.2.1", 1024 + number)


def test_the_ack_of_a_first_packet_stands_for_the_request():
    unheard = Unheard()
    unheard.remember(line(0), b"request", 0.0)
    assert unheard.meant(line(0), Ack(0).encode(), 1.0) == b"request"
    assert unheard.meant(line(0), Ack(1).encode(), 1.0) == b"request"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        FIRST[:3],
        FIRST + b"x",
        Ack(2).encode(),
        Data(1, b"").encode(),
        Error(0, b"").encode(),
    ],
)
def test_nothing_else_does(data):
    unheard = Unheard()
    unheard.remember(line(0), b"request", 0.0)
    assert unheard.meant(line(0), data, 1.0) is None


def test_the_ack_of_somebody_else_is_a_strangers():
    unheard = Unheard()
    unheard.remember(line(0), b"request", 0.0)
    assert unheard.meant(line(1), FIRST, 1.0) is None


def test_a_request_is_forgotten_in_time_and_once_a_transfer_begins():
    unheard = Unheard()
    unheard.remember(line(0), b"request", 0.0)
    assert unheard.meant(line(0), FIRST, UNHEARD_FOR) is None
    unheard.forget(line(0))
    unheard.forget(line(0))
    assert unheard.meant(line(0), FIRST, 1.0) is None


def test_T8_what_is_remembered_is_bounded():
    unheard = Unheard()
    for number in range(UNHEARD_MAX + 3):
        unheard.remember(line(number), b"request", 0.0)
    known = [n for n in range(UNHEARD_MAX + 3) if unheard.meant(line(n), FIRST, 1.0)]
    assert known == list(range(3, UNHEARD_MAX + 3))


def test_what_is_too_old_goes_when_something_new_comes():
    unheard = Unheard()
    unheard.remember(line(0), b"old", 0.0)
    unheard.remember(line(1), b"new", UNHEARD_FOR)
    assert unheard.meant(line(0), FIRST, 1.0) is None
    assert unheard.meant(line(1), FIRST, UNHEARD_FOR) == b"new"
