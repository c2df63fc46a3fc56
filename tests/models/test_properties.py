"""For any offers each model answers, and heeds nothing that its firmware does not."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.dhcp.options import Code
from fastboot.firmware import choice, edk2_http, edk2_pxe, ipxe, raspberry, rom
from fastboot.firmware.decision import Decision, Heard

from .offers import DNS, HTTP, LEASED, MENU, NOW, PI, PXE, UNASKED, message, named

MODELS = {
    "edk2-pxe": edk2_pxe,
    "edk2-http": edk2_http,
    "ipxe": ipxe,
    "rom": rom,
    "raspberry": raspberry,
}
every = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)

SERVERS = [IPv4Address(f"192.168.1.{number}") for number in range(1, 5)]

known = st.sampled_from(
    [
        *(PXE, HTTP, NOW, PI, MENU, UNASKED, DNS),
        *(named(b"a.efi"), named(b"http://192.168.1.1/x"), named(b"http://b.example/")),
        (Code.IPXE, b"\x01\x01\x01"),
        (Code.TFTP_SERVER_NAME, b"192.168.1.3"),
        (17, b"iscsi:x"),
    ]
)
options = st.lists(
    known | st.tuples(st.integers(1, 254), st.binary(max_size=12)),
    max_size=6,
    unique_by=lambda item: int(item[0]),
).map(lambda found: [item for item in found if item[0] not in (52, 53, 54)])


@st.composite
def heards(draw):
    server = draw(st.sampled_from(SERVERS))
    frame = message(
        server,
        *draw(options),
        kind=draw(st.sampled_from([2, 2, 2, 5])),
        identifier=draw(st.sampled_from([True, True, True, False])),
        yiaddr=draw(st.sampled_from([LEASED, IPv4Address(0)])),
        siaddr=draw(st.sampled_from([*SERVERS, IPv4Address(0)])),
        file=draw(st.sampled_from([b"", b"f", b"http://192.168.1.4/f", b"\xff\n"])),
    )
    port = draw(st.sampled_from([67, 67, 67, 4011, 1000]))
    return Heard(
        frame, server, draw(st.integers(0, 5)), port, draw(st.integers(0, 1500))
    )


situations = st.lists(heards(), max_size=8)
silences = st.lists(st.sampled_from(SERVERS), max_size=4)


def told(decision: Decision):
    """A decision without what only names the options that are there."""
    return (decision.steps, decision.stop, decision.cause)


@every
@given(heard=situations, silent=silences)
def test_there_is_always_an_answer(model, heard, silent):
    decision = model.decide(heard, silent)
    assert decision.why
    assert decision.why.isprintable()
    assert (decision.stop is None) == (decision.screen == "") or model is raspberry
    assert decision.stop is None or decision.cause


@every
@given(heard=situations, silent=silences, data=st.data())
def test_an_option_that_no_firmware_looks_at_changes_nothing(
    model, heard, silent, data
):
    # 224 to 254 are for private use (RFC 3942), and no firmware reads these two
    code = data.draw(st.sampled_from([230, 231]))
    noise = (code, data.draw(st.binary(min_size=1, max_size=9)))
    changed = [
        replace(
            item,
            packet=replace(
                item.packet,
                options=(*(o for o in item.packet.options if o[0] != code), noise),
            ),
        )
        for item in heard
    ]
    bare = [
        replace(
            item,
            packet=replace(
                item.packet,
                options=tuple(o for o in item.packet.options if o[0] != code),
            ),
        )
        for item in heard
    ]
    assert model.decide(changed, silent) == model.decide(bare, silent)


@every
@given(heard=situations, silent=silences, data=st.data())
def test_the_order_of_the_list_is_not_the_order_of_hearing(model, heard, silent, data):
    heard = [replace(item, order=order) for order, item in enumerate(heard)]
    mixed = data.draw(st.permutations(heard))
    assert model.decide(mixed, silent) == model.decide(heard, silent)


@pytest.mark.parametrize(
    "model", [edk2_pxe, edk2_http, rom], ids=["pxe", "http", "rom"]
)
@given(heard=situations, silent=silences, data=st.data())
def test_offers_of_different_kinds_may_come_in_any_order(model, heard, silent, data):
    """Only among offers of one kind does the order count, so it is kept there."""
    classify = edk2_http.classify if model is edk2_http else choice.classify
    by_kind = {classify(item.packet): item for item in heard if item.port != 4011}
    alone = [replace(item, order=at) for at, item in enumerate(by_kind.values())]
    orders = data.draw(st.permutations(range(len(alone))))
    mixed = [replace(item, order=at) for item, at in zip(alone, orders, strict=True)]
    one, other = model.decide(mixed, silent), model.decide(alone, silent)
    assert (one.steps, one.stop) == (other.steps, other.stop)


@pytest.mark.parametrize("model", [edk2_pxe, edk2_http, raspberry])
@given(heard=situations, silent=silences)
def test_option_175_is_for_ipxe_alone(model, heard, silent):
    without = [
        replace(
            item,
            packet=replace(
                item.packet,
                options=tuple(o for o in item.packet.options if o[0] != Code.IPXE),
            ),
        )
        for item in heard
    ]
    assert told(model.decide(heard, silent)) == told(model.decide(without, silent))
