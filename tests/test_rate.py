"""How often something may happen."""

from hypothesis import given
from hypothesis import strategies as st

from fastboot.rate import Rate


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


def test_D7_T8_the_key_longest_unused_is_forgotten():
    rate = Rate(0, 1, 2)
    assert [rate.allow(key, 0.0) for key in "abab"] == [True, True, False, False]
    assert rate.allow("c", 0.0)
    assert not rate.allow("b", 0.0)
    assert rate.allow("a", 0.0)


def test_what_is_given_back_can_be_taken_again_but_not_hoarded():
    rate = Rate(0, 2, 10)
    rate.give_back("a")  # it has taken none
    assert [rate.allow("a", 0.0) for _ in range(3)] == [True, True, False]
    rate.give_back("a")
    assert [rate.allow("a", 0.0) for _ in range(2)] == [True, False]
    for _ in range(5):
        rate.give_back("a")
    assert [rate.allow("a", 0.0) for _ in range(3)] == [True, True, False]


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_no_more_is_allowed_than_burst_and_rate_say(waits):
    rate, now, allowed = Rate(4, 8, 1), 0.0, 0
    for wait in waits:
        now += wait
        allowed += rate.allow("a", now)
    assert allowed <= 8 + 4 * now + 1e-6
