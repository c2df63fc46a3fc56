"""What fastboot would answer where it is not running: asked of the proxy itself."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from fastboot.dhcp.outcome import Origin, Reply
from fastboot.dhcp.packet import Frame, decode
from fastboot.dhcp.proxy import Proxy
from fastboot.firmware.decision import BOOT_SERVER_PORT, Heard
from fastboot.firmware.offer import SERVER_PORT

from .machines import Kind

_CLIENT = IPv4Address("192.0.2.50")
"""The address that a machine would ask from on port 4011; any will do (RFC 5737)."""


def would_answer(
    proxy: Proxy, kind: Kind, chaddr: bytes, own: IPv4Address, *, order: int
) -> Iterator[Heard]:
    """Our offer to a kind of machine, and our answer to its question on port 4011.

    Args:
        proxy: What decides; a new one, which has not met the machine before.
        kind: The machine.
        chaddr: Its hardware address.
        own: Our address on its network.
        order: The place of our offer among those of others.
    """
    for frame, origin, port in (
        (kind.discover(chaddr, 0), Origin(own), SERVER_PORT),
        (
            kind.question(chaddr, 0, _CLIENT),
            Origin(own, boot_server=True, address=str(_CLIENT), port=BOOT_SERVER_PORT),
            BOOT_SERVER_PORT,
        ),
    ):
        data = _reply(proxy, frame, origin)
        if data is not None:
            yield Heard(decode(data), own, order, port, len(data))
            order += 1


def _reply(proxy: Proxy, frame: Frame, origin: Origin) -> bytes | None:
    outcome = proxy.receive(frame, origin, 0.0)
    return outcome.data if isinstance(outcome, Reply) else None
