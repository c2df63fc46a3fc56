"""What TFTP's engines share that serve as one."""

import pytest

from fastboot.config import TftpConfig
from fastboot.tftp.ports import POOL
from fastboot.tftp.share import OF_ONE_MAX, UNCONFIRMED_MAX, Room, Share, engines_for


def test_one_engine_alone_has_all_there_is():
    share = Share.of(TftpConfig(cache_bytes=1000))
    assert (share.unconfirmed, share.cache_bytes) == (UNCONFIRMED_MAX, 1000)
    assert share.pool == POOL


def test_T8_what_each_engine_has_is_no_more_in_sum():
    share = Share.of(TftpConfig(cache_bytes=1000), engines=3)
    assert share.unconfirmed * 3 <= UNCONFIRMED_MAX
    assert share.cache_bytes == 333


@pytest.mark.parametrize("engines", [1, 2, 4])
def test_T8_what_begins_without_a_look_at_the_others_is_no_more_in_sum(engines):
    share = Share.of(TftpConfig(max_transfers=10, max_per_client=5), engines)
    assert share.transfers * engines <= 10
    assert share.of_one * engines <= 5
    assert Share.of(TftpConfig(), engines).of_one <= OF_ONE_MAX


def test_transfers_are_counted_in_one_place():
    room = Room(most=2, most_of_one=2)
    assert room.full("10.0.0.1") == ""
    room.enter("10.0.0.1")
    room.enter("10.0.0.2")
    assert room.full("10.0.0.3") == "too many transfers"
    room.leave("10.0.0.1")
    assert room.full("10.0.0.3") == ""


def test_an_address_has_room_again_when_its_transfer_is_over():
    room = Room(most=9, most_of_one=1)
    room.enter("10.0.0.1")
    assert room.full("10.0.0.1") == "too many transfers of this client"
    assert room.full("10.0.0.2") == ""
    room.leave("10.0.0.1")
    assert room.full("10.0.0.1") == ""


@pytest.mark.parametrize(
    ("ports", "engines", "pool"),
    [
        ("50000-50007", 2, 4),
        ("50000-50008", 4, 2),
        ("50000-50099", 4, POOL),
    ],
)
def test_a_range_of_ports_is_divided(ports, engines, pool):
    config = TftpConfig(ports=ports)
    assert engines_for(config, engines) == engines
    assert Share.of(config, engines).pool == pool


@pytest.mark.parametrize("ports", ["pool", "single"])
def test_where_there_is_no_range_all_workers_serve(ports):
    assert engines_for(TftpConfig(ports=ports), 4) == 4


def test_there_are_no_more_engines_than_ports_for_them():
    assert engines_for(TftpConfig(ports="50000-50001"), 4) == 2
