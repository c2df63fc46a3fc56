"""The decoders' fuzzer: its first inputs, and what is like them, as ordinary tests."""

from __future__ import annotations

import pytest

from fuzz.decoders import DECODERS
from fuzz.mutate import Mutator


@pytest.mark.parametrize("name", DECODERS)
def test_each_decoder_takes_its_first_inputs_and_what_is_like_them(name):
    decoder = DECODERS[name]
    mutator = Mutator("a seed", ())
    likes = (mutator.next(decoder.seeds) for _ in range(200))
    for data in (b"", *decoder.seeds, *likes):
        decoder.run(data)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("dhcp", "fastboot.dhcp.packet.decode"),
        ("dhcp-options", "fastboot.dhcp.pxe.vendor_class"),
        ("dhcp6", "fastboot.dhcp.v6.packet.decode"),
        ("dhcp6-options", "fastboot.dhcp.v6.options.decode_area"),
        ("tftp", "fastboot.tftp.packet.decode"),
        ("tftp-options", "fastboot.tftp.options.negotiate"),
        ("http", "fastboot.http.message.decode"),
    ],
)
def test_an_error_that_is_not_the_decoders_own_is_a_finding(name, broken, monkeypatch):
    def fail(*_):
        raise IndexError

    decoder = DECODERS[name]
    monkeypatch.setattr(broken, fail)
    monkeypatch.setattr("fuzz.decoders.VALUES", (fail,))
    with pytest.raises(IndexError):
        decoder.run(decoder.seeds[0])
