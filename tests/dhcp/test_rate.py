"""How often one party is answered."""

from fastboot.dhcp.rate import (
    MACHINE_RATE,
    RELAY_RATE,
    RELAYS_RATE,
    TOTAL_RATE,
    Limits,
)


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
