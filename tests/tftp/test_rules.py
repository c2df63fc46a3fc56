"""Rules for single clients: whom they fit, and what they leave of what is granted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.config.client import KNOWN, TftpClient
from fastboot.errors import ConfigError
from fastboot.settings import build
from fastboot.tftp.options import Limits, Negotiated, negotiate
from fastboot.tftp.rules import Rules

MAC = bytes.fromhex("b827eb010203")
IPXE = ((b"blksize", b"1432"), (b"tsize", b"0"))
GRUB = ((b"blksize", b"1024"), (b"tsize", b"0"))
EDK2 = ((b"tsize", b"0"), (b"blksize", b"1468"), (b"windowsize", b"4"))
MOST = Limits(65464, 64, msftwindow=True)


def bound(*rules, address="10.0.3.9", mac=MAC, options=()):
    return Rules(rules).bound(MOST, address, lambda: mac, options)


def test_without_rules_all_is_granted_and_no_mac_is_looked_up():
    assert Rules(()).bound(MOST, "10.0.3.9", pytest.fail, IPXE) == MOST


@pytest.mark.parametrize(
    ("rule", "address", "expected"),
    [
        ("10.0.3.9", "10.0.3.9", True),
        ("10.0.3.9", "10.0.3.90", False),
        ("10.0.3.0/24", "10.0.3.9", True),
        ("10.0.3.7/24", "10.0.3.9", True),  # as people write it
        ("10.0.4.0/24", "10.0.3.9", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("fe80::/10", "10.0.3.9", False),
        ("::/0", "10.0.3.9", False),
    ],
)
def test_a_rule_fits_an_address_or_a_network(rule, address, expected):
    made = TftpClient(address=rule, max_blksize=8)
    assert (bound(made, address=address).blksize == 8) is expected


@pytest.mark.parametrize(
    ("mac", "expected"),
    [
        ("b8:27:eb:01:02:03", True),
        ("B8-27-EB", True),  # a maker's
        ("b8:27:ec", False),
    ],
)
def test_a_rule_fits_a_mac_or_the_beginning_of_one(mac, expected):
    rule = TftpClient(mac=mac, max_blksize=8)
    assert (bound(rule).blksize == 8) is expected
    assert bound(rule, mac=None) == MOST  # not on this network


@pytest.mark.parametrize(
    ("wanted", "options", "expected"),
    [
        (("blksize", "tsize"), IPXE, True),
        (("blksize", "tsize"), GRUB, True),
        (("blksize=1024", "tsize"), GRUB, True),
        (("blksize=1024", "tsize"), IPXE, False),
        (("BLKSIZE", "tsize=0"), IPXE, True),
        (("tsize", "blksize"), IPXE, False),  # another order is another client
        (("tsize", "blksize"), EDK2, False),  # and so is one that asks for more
        (("tsize", "blksize", "windowsize"), EDK2, True),
        (("tsize",), (), False),
    ],
)
def test_a_rule_fits_the_options_that_a_client_asks_for(wanted, options, expected):
    rule = TftpClient(options=wanted, max_blksize=8)
    assert (bound(rule, options=options).blksize == 8) is expected


def test_all_that_a_rule_names_must_fit():
    rule = TftpClient(mac="b8:27:eb", address="10.0.3.0/24", max_blksize=8)
    assert bound(rule).blksize == 8
    assert bound(rule, address="10.0.4.1") == MOST
    assert bound(rule, mac=bytes(6)) == MOST


def test_of_several_rules_that_fit_all_hold():
    here = {"address": "10.0.0.0/8"}
    limits = bound(
        TftpClient(**here, max_blksize=1024, refuse=("tsize",)),
        TftpClient(**here, max_windowsize=4, refuse=("timeout",)),
        TftpClient(**here, max_blksize=4096, max_windowsize=16),
        TftpClient(address="10.9.0.0/16", max_blksize=8),
    )
    assert (limits.blksize, limits.windowsize) == (1024, 4)
    assert limits.refused == {b"tsize", b"timeout"}


def test_who_is_held_to_a_window_does_not_change_it_with_each_ack():
    assert bound(TftpClient(address="10.0.3.9", max_blksize=512)).msftwindow
    assert not bound(TftpClient(address="10.0.3.9", max_windowsize=4)).msftwindow


def test_a_client_that_is_refused_all_gets_plain_blocks():
    limits = bound(TftpClient(address="10.0.3.9", refuse=("all",)))
    options = tuple((name.encode(), b"64") for name in KNOWN)
    assert negotiate((*options, (b"rollover", b"1")), limits, 9) == Negotiated()


@given(
    st.lists(
        st.builds(
            TftpClient,
            address=st.sampled_from(["10.0.0.0/8", "10.0.3.9", "11.0.0.0/8"]),
            refuse=st.lists(st.sampled_from(KNOWN), min_size=1).map(tuple),
            max_blksize=st.none() | st.integers(8, 65464),
            max_windowsize=st.none() | st.integers(1, 32767),
        ),
        max_size=5,
    )
)
def test_no_rule_grants_more_and_their_order_means_nothing(rules):
    limits = bound(*rules)
    assert limits.blksize <= MOST.blksize
    assert limits.windowsize <= MOST.windowsize
    assert limits == bound(*reversed(rules))


# In a file


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"refuse": ["tsize"]}, "it says not which clients: set mac, address or opt"),
        ({"address": "10.0.0.1"}, "it changes nothing: set refuse, max_blksize, max"),
        ({"address": "here", "refuse": ["all"]}, "address is 'here'; it must be an IP"),
        ({"mac": "b8:27", "refuse": "tsise"}, "refuse has 'tsise'; it knows blksize, "),
        ({"mac": "b827eb", "refuse": "tsize"}, "mac is 'b827eb'; it must be a MAC suc"),
        ({"mac": "b8", "max_blksize": 7}, "max_blksize is 7; it must be between 8 and"),
        ({"mac": "b8", "max_windowsize": 0}, "max_windowsize is 0; it must be between"),
        ({"mac": "b8", "blksize": 512}, "there is no setting called blksize"),
        ({"mac": 8}, "mac is 8; it must be a text"),
    ],
)
def test_a_mistake_in_a_rule_is_one_line_that_says_which_and_where(table, words):
    good = {"address": "10.0.3.0/24", "refuse": ["blksize"]}
    with pytest.raises(ConfigError) as raised:
        build({"folder": "x", "tftp": {"client": [good, table]}})
    assert str(raised.value).startswith(f"[[tftp.client]] number 2: {words}")
    assert "\n" not in str(raised.value)


def test_a_rule_may_ask_for_answers_from_the_port_for_requests():
    rules = Rules([TftpClient(address="10.0.3.0/24", same_port=True)])
    assert rules.same_port("10.0.3.9", lambda: None, ())
    assert not rules.same_port("10.0.4.9", lambda: None, ())
