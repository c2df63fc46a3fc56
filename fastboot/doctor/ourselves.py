"""What fastboot would answer where it is not running: asked of the proxy itself."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from fastboot.dhcp.grant import Boot, Terms, grant
from fastboot.dhcp.options import MessageType
from fastboot.dhcp.outcome import Origin, Reply
from fastboot.dhcp.packet import Frame, decode
from fastboot.dhcp.proxy import Plan, Proxy
from fastboot.dhcp.reply import Style
from fastboot.dhcp.server import STYLES
from fastboot.firmware.decision import BOOT_SERVER_PORT, Heard
from fastboot.firmware.offer import SERVER_PORT

from .machines import Kind

_CLIENT = IPv4Address("192.0.2.50")
"""The address that a machine would have; any will do (RFC 5737)."""


def would_answer(
    proxy: Proxy, mode: str, kind: Kind, own: IPv4Address, *, order: int
) -> Iterator[Heard]:
    """Our offer to a kind of machine, and our answer to its question on port 4011.

    Args:
        proxy: What decides; a new one, which has not met the machine before.
        mode: What we do about DHCP: "proxy", "server", "boot-server" or "off".
        kind: The machine.
        own: Our address on its network.
        order: The place of our offer among those of others.
    """
    chaddr = kind.mac(bytes(3))
    discover = kind.discover(chaddr, 0)
    data: bytes | None = None
    if mode == "server":
        data = _lease(proxy, discover, own)
    elif mode == "proxy":
        data = _reply(proxy, discover, Origin(own))
    if data is not None:
        yield Heard(decode(data), own, order, SERVER_PORT, len(data))
        order += 1
    if mode == "off":
        return
    port, question = BOOT_SERVER_PORT, kind.question(chaddr, 0, _CLIENT)
    origin = Origin(own, boot_server=True, address=str(_CLIENT), port=port)
    data = _reply(proxy, question, origin)
    if data is not None:
        yield Heard(decode(data), own, order, port, len(data))


def _reply(proxy: Proxy, frame: Frame, origin: Origin) -> bytes | None:
    outcome = proxy.receive(frame, origin, 0.0)
    return outcome.data if isinstance(outcome, Reply) else None


def _lease(proxy: Proxy, frame: Frame, own: IPv4Address) -> bytes | None:
    """The offer of an address with a boot file: which address does not matter here."""
    plan = proxy.plan(frame, 0.0)
    boot = None
    if isinstance(plan, Plan):
        style = STYLES.get(plan.machine.firmware, Style.DIRECT)
        boot = Boot(plan.answer, style)
    terms = Terms(options=(), seconds=3600, boot=boot)
    return grant(frame, Origin(own), MessageType.OFFER, _CLIENT, terms)
