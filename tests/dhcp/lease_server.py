"""A lease server in memory, and the messages that ordinary clients send it."""

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from fastboot.boot.choose import Site
from fastboot.config import LeaseConfig
from fastboot.config.subnet import ReservationTable, SubnetTable
from fastboot.dhcp.book import Book
from fastboot.dhcp.leases import Memory
from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.outcome import Origin, Reply
from fastboot.dhcp.packet import decode
from fastboot.dhcp.proxy import Proxy
from fastboot.dhcp.server import LeaseServer
from fastboot.dhcp.subnet import subnets

from .clients import laptop

EPOCH = 1_000_000_000.0
SERVER = IPv4Address("192.0.2.2")
RELAY = IPv4Address("198.51.100.1")
TIMES = LeaseConfig(file=Path("unused"), time=3600, min_time=60, max_time=7200)
TABLES = (
    SubnetTable(
        "192.0.2.0/24",
        pool=("192.0.2.100-192.0.2.103",),
        router=("192.0.2.1",),
        dns=("192.0.2.1",),
        domain="example.org",
        reservation=(
            ReservationTable(
                mac="52:54:00:00:00:99", address="192.0.2.50", hostname="ant"
            ),
        ),
    ),
    SubnetTable("198.51.100.0/24", pool=("198.51.100.100-198.51.100.200",)),
)


def ip(last, net="192.0.2"):
    return IPv4Address(f"{net}.{last}")


def mac(number):
    return bytes.fromhex("5254000000") + bytes((number,))


class Serving:
    """A server, its store and a clock."""

    def __init__(self, tables=TABLES, store=None, now=1000.0, epoch=EPOCH, **more):
        self.store = store or Memory()
        self.now = now
        self.epoch = epoch
        served = subnets(tables, TIMES.time, [SERVER])
        program = more.pop("program", lambda arch: "boot/ipxe.efi")
        self.book = Book(served, self.store, TIMES.max_time, now, epoch)
        proxy = Proxy(Site("images", program))
        self.server = LeaseServer(served, TIMES, self.book, proxy, **more)

    def ask(self, frame, origin=None):
        origin = origin or Origin(SERVER)
        return self.server.receive(frame, origin, self.now)

    def settle(self):
        return list(self.server.settle(self.now, self.epoch))

    def restart(self, **more):
        return Serving(store=self.store, now=more.pop("now", self.now), **more)

    def bind(self, number=1, **more):
        """Give a client an address, as DISCOVER and REQUEST do."""
        offer = answer(self.ask(client(number, **more)))
        self.ask(select(offer.yiaddr, number, **more))
        self.settle()
        return offer.yiaddr


def client(number=1, kind=MessageType.DISCOVER, *more, **fields):
    """A message of an ordinary client."""
    return replace(laptop(kind, *more, mac=mac(number)), **fields)


def select(address, number=1, server=SERVER, *more, **fields):
    """SELECTING: the REQUEST that takes an offer."""
    return client(
        number,
        MessageType.REQUEST,
        (Code.SERVER_IDENTIFIER, server.packed),
        (Code.REQUESTED_ADDRESS, address.packed),
        *more,
        **fields,
    )


def reboot(address, number=1, **fields):
    """INIT-REBOOT: is this still mine?"""
    wish = (Code.REQUESTED_ADDRESS, address.packed)
    return client(number, MessageType.REQUEST, wish, **fields)


def renew(address, number=1, *more, **fields):
    """RENEWING or REBINDING: more time."""
    return client(number, MessageType.REQUEST, *more, ciaddr=address, **fields)


def release(address, number=1, server=SERVER):
    named = (Code.SERVER_IDENTIFIER, server.packed)
    return client(number, MessageType.RELEASE, named, ciaddr=address)


def decline(address, number=1, server=SERVER):
    return client(
        number,
        MessageType.DECLINE,
        (Code.SERVER_IDENTIFIER, server.packed),
        (Code.REQUESTED_ADDRESS, address.packed),
    )


def answer(outcome, kind=None):
    """The message that a reply carries."""
    assert isinstance(outcome, Reply), outcome
    frame = decode(outcome.data)
    assert kind is None or frame.message_type == kind
    return frame


def seconds(frame, code=Code.LEASE_TIME):
    value = frame.option(code)
    return None if value is None else int.from_bytes(value, "big")


OFFER, ACK, NAK = MessageType.OFFER, MessageType.ACK, MessageType.NAK
