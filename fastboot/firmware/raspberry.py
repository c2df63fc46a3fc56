"""Raspberry Pis: the boot ROM of model 3, and the EEPROM of 4 and 5.

Known from their users (raspberrypi/firmware#801, #871, #941, #1699, #1850,
tinkerbell/smee#23) and from the release notes of rpi-eeprom; their source is not to be
read. They look for their own name in the menu of option 43, take a server's address
from option 66, else 54, and ask for files whose names they know.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import AddressValueError, IPv4Address

from fastboot.dhcp.options import Code

from . import offer
from .decision import (
    Cause,
    Decision,
    Heard,
    LoadTftp,
    RequestAddress,
    Stop,
    Trouble,
)

NAME = b"Raspberry Pi Boot"
"""What option 43 has to hold."""

SCREEN = dict.fromkeys(Stop, "")
"""Nothing: models before 4 show nothing, later ones a table of everything they hear."""


def decide(heard: Sequence[Heard], silent: Collection[IPv4Address] = ()) -> Decision:
    """What a Raspberry Pi does; see `decision`.

    Args:
        heard: Everything that servers sent to it.
        silent: Not looked at: nothing is asked on port 4011.
    """
    every = offer.offers(heard)
    leases = [item for item in every if offer.gives_address(item)]
    named = [
        item
        for item in every
        if NAME in (item.packet.option(Code.VENDOR_SPECIFIC) or b"")
    ]
    if not leases:
        return _no_lease(every)
    first = RequestAddress(offer.who(leases[0]), leases[0].packet.yiaddr)
    if not named:
        return _no_name(first, every)
    server = _server(named[0])
    if server is None:
        who = offer.who(named[0])
        why = (
            f"{who} names no server in option 66 or 54 that this Raspberry Pi could ask"
        )
        cause = Cause(Trouble.NO_SERVER_NAME, who, Code.TFTP_SERVER_NAME)
        return Decision((first,), why, Stop.NO_FILE, SCREEN[Stop.NO_FILE], cause)
    why = f'{offer.who(named[0])} says "Raspberry Pi Boot" in option 43'
    return Decision((first, LoadTftp(server, "")), why)


def _no_lease(every: list[Heard]) -> Decision:
    if every:
        stop, cause = Stop.NO_ADDRESS, Cause(Trouble.NO_DHCP)
        why = "no DHCP server gives this Raspberry Pi an address"
    else:
        stop, cause = Stop.NO_OFFER, Cause(Trouble.NO_ANSWER)
        why = "no server answers this Raspberry Pi"
    return Decision((), why, stop, SCREEN[stop], cause)


def _no_name(first: RequestAddress, every: list[Heard]) -> Decision:
    servers = [offer.who(item) for item in every]
    why = (
        f'{offer.who_do(servers, "does", "do")} not say "Raspberry Pi Boot" in option '
        "43, without which a Raspberry Pi takes no offer"
    )
    proxies = [item for item in every if not offer.gives_address(item)]
    who = offer.who((proxies or every)[0])
    cause = Cause(Trouble.NO_RASPBERRY_MENU, who, Code.VENDOR_SPECIFIC)
    return Decision((first,), why, Stop.NO_FILE, SCREEN[Stop.NO_FILE], cause)


def _server(heard: Heard) -> IPv4Address | None:
    value = (heard.packet.option(Code.TFTP_SERVER_NAME) or b"").partition(b"\0")[0]
    try:
        return IPv4Address(value.decode("ascii"))
    except (AddressValueError, UnicodeDecodeError):
        return offer.identifier(heard.packet)
