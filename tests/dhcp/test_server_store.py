"""What the lease server keeps, and when: the store, restarts, and clocks that are set."""

import pytest

from fastboot.dhcp.book import LOOK, STEP
from fastboot.dhcp.leases import Lease, Memory, State
from fastboot.dhcp.server import OFFER_HOLD
from fastboot.errors import StoreError
from fastboot.events import LeaseTrouble, Released

from .lease_server import (
    ACK,
    EPOCH,
    NAK,
    TIMES,
    Serving,
    answer,
    client,
    ip,
    mac,
    release,
    renew,
    select,
)


class Failing(Memory):
    """A store that cannot keep anything, or not before it begins anew."""

    def __init__(self, *, damaged):
        super().__init__()
        self.damaged = damaged

    def save(self, leases):
        if self.damaged is not None:
            raise StoreError("it failed", damaged=self.damaged)
        super().save(leases)

    def begin_anew(self, leases, reason):
        self.damaged = None
        super().begin_anew(leases, reason)


def test_R14_what_cannot_be_kept_has_not_happened():
    store = Failing(damaged=None)
    site = Serving(store=store)
    first = site.bind(1)
    store.damaged = False
    second = answer(site.ask(client(2))).yiaddr
    answer(site.ask(select(second, 2)), ACK)
    site.ask(release(first, 1))
    with pytest.raises(StoreError):
        site.settle()
    assert site.book.at(first).state is State.BOUND
    assert site.book.at(second).state is State.OFFERED
    site.now += OFFER_HOLD
    answer(site.ask(select(second, 3)), ACK)
    store.damaged = None
    site.settle()
    assert {lease.address: lease.client for lease in store.load()} == {
        first: b"\1" + mac(1),
        second: b"\1" + mac(3),
    }


def test_R13_a_store_that_is_damaged_is_begun_anew_with_all_that_is_known():
    store = Failing(damaged=None)
    site = Serving(store=store)
    site.bind(1)
    site.ask(client(3))  # offered, and not to be stored as more
    store.damaged = True
    address = answer(site.ask(client(2))).yiaddr
    site.ask(select(address, 2))
    (event,) = site.settle()
    assert event == LeaseTrouble("it failed; a new file was begun")
    states = {lease.address: lease.state for lease in store.load()}
    assert states[ip(100)] is states[address] is State.BOUND
    assert State.OFFERED not in states.values()


def test_leases_are_there_after_a_restart(site):
    address = site.bind(1)
    again = site.restart(now=5.0, epoch=EPOCH + site.now - 5.0)
    assert answer(again.ask(client(2))).yiaddr == ip(101)
    answer(again.ask(renew(address, 1)), ACK)


def test_a_lease_that_a_person_released_is_free(site):
    address = site.bind(1)
    (there,) = site.store.load()
    gone = Lease(address, there.client, there.mac, State.RELEASED, 0.0, 1.0)
    site.store.released = lambda: [gone]
    assert site.settle() == []  # not yet time to look
    site.now += LOOK
    assert site.settle() == [Released("52:54:00:00:00:01", "192.0.2.100")]
    answer(site.ask(select(address, 2)), ACK)
    site.now += LOOK
    site.settle()


def test_R6_setting_the_clock_ends_no_lease_and_is_made_good_in_the_store(site):
    address = site.bind(1)
    site.ask(client(2))
    for step in (-86400.0, 86400.0 * 7):
        site.epoch += step
        site.now += LOOK
        site.settle()
        answer(site.ask(select(address, 3)), NAK)
        (kept,) = site.store.load()
        assert abs(kept.expires - (site.book.at(address).expires + site.epoch)) < 1e-3


def test_R6_a_clock_that_drifts_writes_nothing(site):
    site.bind(1)
    site.store.save = None
    site.epoch += STEP / 2
    site.settle()


def test_R6_a_clock_that_was_set_back_makes_no_lease_last_for_ever(site):
    address = site.bind(1)
    again = site.restart(epoch=EPOCH - 86400.0 * 365)
    again.now += TIMES.max_time
    assert answer(again.ask(select(address, 2)), ACK)


def test_what_the_next_settle_is_for_is_said(site):
    assert site.server.deadline == site.now + LOOK
