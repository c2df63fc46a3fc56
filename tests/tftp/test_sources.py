"""How often one address may ask for nothing."""

from fastboot.tftp.sources import BURST, Sources


def asked(sources, address, times, now=0.0):
    return sum(not sources.excess(address, now) for _ in range(times))


def test_T8_ten_seconds_worth_is_answered_at_once_and_then_so_many_a_second():
    sources = Sources(5)
    assert asked(sources, "10.0.0.1", 100) == 5 * BURST
    assert asked(sources, "10.0.0.1", 100, now=1.0) == 5
    assert asked(sources, "10.0.0.2", 100) == 5 * BURST


def test_who_proves_to_be_in_earnest_may_ask_for_ever():
    sources = Sources(0.001)
    for _ in range(100):
        assert not sources.excess("10.0.0.1", 0.0)
        sources.proved("10.0.0.1")


def test_zero_means_any_number():
    assert asked(Sources(0), "10.0.0.1", 10_000) == 10_000
