"""How often one party is answered."""

from hypothesis import given
from hypothesis import strategies as st

from fastboot.dhcp.rate import (
    MACHINE_RATE,
    RELAY_RATE,
    RELAYS_RATE,
    TOTAL_RATE,
    Limits,
    Rate,
)


def test_a_burst_is_allowed_and_no_more():
    rate = Rate(1, 3, 10)
    assert [rate.allow("a", 0.0) for _ in range(5)] == [True] * 3 + [False] * 2


def test_tokens_come_back_with_time():
    rate = Rate(2, 1, 10)
    assert rate.allow("a", 0.0)
    assert not rate.allow("a", 0.4)
    assert rate.allow("a", 0.6)


def test_each_key_has_a_bucket_of_its_own():
    rate = Rate(1, 1, 10)
    assert rate.allow("a", 0.0)
    assert rate.allow("b", 0.0)
    assert not rate.allow("a", 0.0)


def test_D7_the_key_longest_unused_is_forgotten():
    rate = Rate(0, 1, 2)
    assert [rate.allow(key, 0.0) for key in "abab"] == [True, True, False, False]
    assert rate.allow("c", 0.0)
    assert not rate.allow("b", 0.0)
    assert rate.allow("a", 0.0)


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_no_more_is_allowed_than_burst_and_rate_say(waits):
    rate, now, allowed = Rate(4, 8, 1), 0.0, 0
    for wait in waits:
        now += wait
        allowed += rate.allow("a", now)
    assert allowed <= 8 + 4 * now + 1e-6


def test_D7_a_relay_is_answered_more_often_than_a_machine():
    limits = Limits()
    machine = sum(limits.allow("a", 0.0, relay=False) for _ in range(1000))
    relay = sum(limits.allow("a", 0.0, relay=True) for _ in range(1000))
    assert (machine, relay) == (MACHINE_RATE[1], RELAY_RATE[1])


def test_D7_invented_machines_share_what_may_be_sent_in_all():
    limits = Limits()
    asked = range(int(TOTAL_RATE[1]) + 100)
    allowed = sum(limits.allow(number, 0.0, relay=False) for number in asked)
    assert allowed == TOTAL_RATE[1]


def test_D10_invented_relays_share_what_may_be_sent_to_relays():
    limits = Limits()
    allowed = sum(limits.allow(number, 0.0, relay=True) for number in range(10_000))
    assert allowed == RELAYS_RATE[1]


def test_a_relay_that_was_named_speaks_for_any_number_of_machines():
    limits = Limits(relays_known=True)
    assert all(limits.allow("a", 0.0, relay=True) for _ in range(10_000))
