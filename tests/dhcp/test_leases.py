"""Leases: the table, the pool, and both stores, which behave alike."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.dhcp.database import Database
from fastboot.dhcp.leases import Lease, Leases, Memory, State
from fastboot.dhcp.pool import Pool


def address(number):
    return IPv4Address(f"192.0.2.{number}")


def lease(number, client=b"ant", expires=100.0, state=State.BOUND, **more):
    return Lease(
        address(number), client, bytes(6), state, began=0.0, expires=expires, **more
    )


# The table


def test_a_lease_is_found_by_its_address_and_by_its_client():
    leases = Leases()
    leases.put(lease(1))
    assert leases.at(address(1)) == lease(1)
    assert leases.at(address(2)) is None
    assert list(leases.of(b"ant")) == [lease(1)]
    assert list(leases.of(b"bee")) == []


def test_a_clients_latest_lease_comes_first():
    leases = Leases()
    for number in (1, 2, 1):
        leases.put(lease(number))
    assert [item.address for item in leases.of(b"ant")] == [address(1), address(2)]


def test_an_address_belongs_to_whoever_had_it_last():
    leases = Leases()
    leases.put(lease(1))
    leases.put(lease(1, b"bee"))
    assert list(leases.of(b"ant")) == []
    assert list(leases.of(b"bee")) == [lease(1, b"bee")]
    assert len(list(leases)) == 1


def test_a_client_may_have_several_addresses_of_a_kind():
    leases = Leases()
    leases.put(lease(1, iaid=7))
    leases.put(lease(2, iaid=8))
    assert list(leases.of(b"ant", 7)) == [lease(1, iaid=7)]


# The pool


def pool(first=1, last=3, apart=()):
    return Pool([(address(first), address(last))], apart)


def give(pool, leases, item):
    leases.put(item)
    pool.note(item)


def test_addresses_that_nobody_had_come_first_and_in_order():
    leases, some = Leases(), pool()
    give(some, leases, lease(1, expires=0.0))
    for number in (2, 3):
        assert some.free(leases, 1.0) == address(number)
        give(some, leases, lease(number))


def test_then_the_address_whose_lease_ended_first_comes():
    leases, some = Leases(), pool()
    for number, end in ((1, 30.0), (2, 10.0), (3, 20.0)):
        assert some.free(leases, 0.0) == address(number)
        give(some, leases, lease(number, expires=end))
    assert some.free(leases, 9.0) is None
    assert some.free(leases, 30.0) == address(2)
    give(some, leases, lease(2, b"bee"))
    assert some.free(leases, 30.0) == address(3)


def test_an_address_that_was_renewed_is_not_free():
    leases, some = Leases(), pool(1, 1)
    some.free(leases, 0.0)
    give(some, leases, lease(1, expires=10.0))
    give(some, leases, lease(1, expires=50.0))
    assert some.free(leases, 20.0) is None
    assert some.free(leases, 50.0) == address(1)


def test_an_address_that_was_released_is_free():
    leases, some = Leases(), pool(1, 1)
    some.free(leases, 0.0)
    give(some, leases, lease(1, expires=50.0))
    give(some, leases, lease(1, expires=5.0, state=State.RELEASED))
    assert some.free(leases, 5.0) == address(1)


def test_what_is_set_apart_is_never_free():
    leases, some = Leases(), pool(apart=[address(2)])
    assert address(2) not in some
    give(some, leases, lease(2, expires=0.0))
    assert some.free(leases, 1.0) == address(1)
    assert some.free(leases, 1.0) == address(3)
    assert some.free(leases, 1.0) is None


def test_R3_a_pool_is_bounded_however_often_leases_are_renewed():
    leases, some = Leases(), pool()
    for turn in range(10_000):
        give(some, leases, lease(1 + turn % 3, expires=100.0 + turn))
    assert len(some._ends) < 100
    assert some.free(leases, 100.0 + 9_997) == address(1 + 9_997 % 3)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20)), max_size=60))
def test_a_pool_gives_what_is_free_and_nothing_else(steps):
    leases, some, now = Leases(), pool(1, 6), 0.0
    for number, span in steps:
        now += 1.0
        free = {
            address(n)
            for n in range(1, 7)
            if (found := leases.at(address(n))) is None or found.expires <= now
        }
        chosen = some.free(leases, now)
        assert chosen in free if free else chosen is None
        if chosen is not None:
            give(some, leases, lease(int(chosen) & 0xFF, expires=now + span))
        elif address(number) in some:
            give(some, leases, lease(number, expires=now + span))


# Stores

MOMENTS = st.floats(0, 4e9)
LEASES = st.builds(
    Lease,
    address=st.one_of(
        st.integers(0, 5).map(lambda n: IPv4Address(0xC0000200 + n)),
        st.integers(0, 3).map(lambda n: IPv6Address((0x20010DB8 << 96) + n)),
    ),
    client=st.binary(max_size=20),
    mac=st.binary(max_size=16),
    state=st.sampled_from([State.BOUND, State.RELEASED, State.CONFLICT]),
    began=MOMENTS,
    expires=MOMENTS,
    hostname=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
    iaid=st.integers(0, 0xFFFFFFFF),
)


@given(st.lists(st.lists(LEASES, max_size=6), max_size=6), st.booleans())
def test_both_stores_keep_the_same(tmp_path_factory, turns, begin_anew):
    path = tmp_path_factory.mktemp("leases") / "leases.sqlite"
    database, memory = Database(path), Memory()
    try:
        for number, turn in enumerate(turns):
            for store in (database, memory):
                if begin_anew and number == len(turns) // 2:
                    store.begin_anew(turn, "a test")
                else:
                    store.save(turn)
        database.close()
        database = Database(path)
        assert {item.address: item for item in database.load()} == {
            item.address: item for item in memory.load()
        }
        assert database.load() == ()
        assert database.released() == memory.released() == ()
    finally:
        database.close()
        memory.close()


@pytest.mark.parametrize("state", list(State))
def test_a_lease_later_is_the_same_on_another_clock(state):
    moved = lease(1, state=state).later(50.0)
    assert (moved.began, moved.expires, moved.state) == (50.0, 150.0, state)
