"""Who may have a connection: bounds in all and for each address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastboot.http.places import TURNED_AWAY, Places, Seat


def taken(places, *clients):
    return [places.take(client) for client in clients]


def test_there_is_room_for_so_many_and_the_next_are_told_and_then_not():
    places = Places(2, 2)
    seats = taken(places, *(f"10.0.0.{n}" for n in range(4 + TURNED_AWAY)))
    assert seats == [Seat.SERVED] * 2 + [Seat.TOLD] * TURNED_AWAY + [Seat.NONE] * 2


def test_H1_one_address_leaves_room_for_the_others():
    places = Places(1000, 2)
    flood = taken(places, *["10.0.0.66"] * 500)
    assert flood.count(Seat.SERVED) == 2
    assert flood.count(Seat.TOLD) == TURNED_AWAY
    assert taken(places, "10.0.0.7") == [Seat.SERVED]


def test_a_place_that_was_left_is_free():
    places = Places(1, 1)
    assert taken(places, "10.0.0.7", "10.0.0.7") == [Seat.SERVED, Seat.TOLD]
    places.leave("10.0.0.7")
    places.leave("10.0.0.7")
    assert taken(places, "10.0.0.7") == [Seat.SERVED]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=300))
def test_there_are_never_more_than_the_bounds_and_nothing_is_left_behind(steps):
    places, held = Places(8, 4), []
    for client, comes in steps:
        if comes:
            if places.take(str(client)) is not Seat.NONE:
                held.append(str(client))
        elif str(client) in held:
            held.remove(str(client))
            places.leave(str(client))
        assert len(held) <= 8 + TURNED_AWAY
    for client in held:
        places.leave(client)
    assert not places._each  # also no address that has no connection any more
    assert taken(places, *"01234567") == [Seat.SERVED] * 8
