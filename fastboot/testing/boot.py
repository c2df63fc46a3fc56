"""A boot from the first DISCOVER to the last byte, as one firmware goes through it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from fastboot.app.mac import Mac
from fastboot.dhcp.options import MessageType
from fastboot.dhcp.packet import Frame
from fastboot.dhcp.packet import decode as decode_frame
from fastboot.errors import DecodeError
from fastboot.firmware.decision import (
    BOOT_SERVER_PORT,
    AskBootServer,
    Decision,
    Heard,
    LoadTftp,
    LoadUrl,
    RequestAddress,
    Stop,
)

from .firmware import KINDS, Kind
from .loading import LoadError, Place, Tftp, load_http
from .router import Router

QUESTIONS_MAX = 4
"""Boot servers that are asked, one after the other, before an emulation gives up."""

DATAGRAM_MAX = 4096

NOWHERE = "127.0.0.1"
"""Where a machine asks from that has no address yet."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Where the server under test can be reached.

    Attributes:
        dhcp: Where DISCOVERs go, in place of a broadcast.
        boot_server: Where questions go, in place of port 4011.
        tftp: Where TFTP is, in place of port 69; None where there is none.
    """

    dhcp: Place
    boot_server: Place
    tftp: Place | None = None


@dataclass(frozen=True, slots=True)
class Boot:
    """What came of it.

    Attributes:
        decision: What the firmware decided, at last.
        heard: What it heard, the router's offer included.
        files: What it loaded, by name or URL, in this order.
        screen: What the screen shows where it gave up; empty where it did not.
        seconds: How long it took.
    """

    decision: Decision
    heard: tuple[Heard, ...]
    files: dict[str, bytes] = field(default_factory=dict)
    screen: str = ""
    seconds: float = 0.0

    @property
    def content(self) -> bytes:
        """The last file that it loaded: what it would run. b"" where there is none."""
        return next(reversed(self.files.values()), b"")

    @property
    def why(self) -> str:
        """Why it decided so, in one sentence."""
        return self.decision.why


def boot(
    firmware: str,
    ways: Ways,
    *,
    mac: str | None = None,
    routers: Iterable[Router] = (Router(),),
    patience: float = 10.0,
    answer_within: float = 2.0,
) -> Boot:
    """Boot an emulated machine.

    It sends what that firmware sends and decides as it does, from a port of its own;
    what it would broadcast goes to the server alone, so no privilege is needed.

    Args:
        firmware: One of `fastboot.testing.firmware.KINDS`: "edk2-pxe", "edk2-http",
            "ipxe", "bios", "raspberry-pi", "u-boot".
        ways: Where the server is.
        mac: The machine's hardware address; None for the firmware's usual one.
        routers: The network's own DHCP servers, heard before the one under test. The
            machine uses the address that the first one gives.
        patience: Seconds that a file may take.
        answer_within: Seconds that a DHCP answer may take; silence costs as much.

    Raises:
        ValueError: There is no such firmware.
    """
    if firmware not in KINDS:
        raise ValueError(f"no firmware {firmware!r}; there are {', '.join(KINDS)}")
    kind = KINDS[firmware]
    began = time.monotonic()
    machine = _Machine(kind, ways, Mac(mac or kind.mac).packed, answer_within)
    heard, decision = machine.decide(tuple(routers))
    files: dict[str, bytes] = {}
    try:
        machine.load(decision, heard, patience, files)
        screen = decision.screen if not files else ""
    except LoadError as error:
        screen = kind.screen[Stop.NOT_FOUND if error.missing else Stop.TIMEOUT]
    seconds = time.monotonic() - began
    return Boot(decision, tuple(heard), files, screen, seconds)


class _Machine:
    """One machine that boots."""

    def __init__(self, kind: Kind, ways: Ways, mac: bytes, wait: float) -> None:
        self._kind = kind
        self._ways = ways
        self._mac = mac
        self._wait = wait

    def decide(self, routers: tuple[Router, ...]) -> tuple[list[Heard], Decision]:
        """Look for servers, and ask until the firmware knows what to do."""
        kind = self._kind
        discover = kind.discover(self._mac, _transaction())
        heard = [router.offer(discover, at) for at, router in enumerate(routers)]
        offer = self._exchange(discover, self._ways.dhcp, NOWHERE)
        if offer is not None:
            heard.append(Heard(offer[0], offer[1], len(heard), size=offer[2]))
        silent: set[IPv4Address] = set()
        decision = kind.decide(heard, silent)
        if not self._has_address(decision, discover.xid, routers):
            stop, why = Stop.NO_ADDRESS, "the address that was offered was not given"
            return heard, Decision((), why, stop, kind.screen[stop])
        own = _address(decision)
        for _ in range(QUESTIONS_MAX):
            decision = kind.decide(heard, silent)
            last = decision.steps[-1] if decision.steps else None
            if decision.stop or not isinstance(last, AskBootServer):
                return heard, decision
            question = kind.question(
                self._mac, _transaction(), IPv4Address(own), last.server
            )
            answer = None
            if str(last.server) == self._ways.boot_server[0]:
                answer = self._exchange(question, self._ways.boot_server, own)
            if answer is None:
                silent.add(last.server)
            else:
                packet, source, size = answer
                port = BOOT_SERVER_PORT
                heard.append(Heard(packet, source, len(heard), port, size))
        return heard, kind.decide(heard, silent)

    def _has_address(
        self, decision: Decision, xid: int, routers: tuple[Router, ...]
    ) -> bool:
        """Ask for the address, if there is one that a real server gives."""
        for step in decision.steps:
            if isinstance(step, RequestAddress):
                if str(step.server) in {router.address for router in routers}:
                    return True
                request = self._kind.request(self._mac, xid, step.address, step.server)
                answer = self._exchange(request, self._ways.dhcp, NOWHERE)
                return answer is not None and (
                    answer[0].message_type == MessageType.ACK
                    and answer[0].yiaddr == step.address
                )
        return True  # it gives up anyway, or has no use for one

    def _exchange(
        self, request: Frame, to: Place, own: str
    ) -> tuple[Frame, IPv4Address, int] | None:
        """Send a message; the first answer to it, who sent it, and its size."""
        until = time.monotonic() + self._wait
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((own, 0))
            sock.sendto(request.encode(), to)
            while (left := until - time.monotonic()) > 0:
                sock.settimeout(left)
                try:
                    data, peer = sock.recvfrom(DATAGRAM_MAX)
                    frame = decode_frame(data)
                except (OSError, DecodeError):
                    continue  # time is up, or it is no answer
                if frame.xid == request.xid and frame.chaddr == self._mac:
                    return frame, IPv4Address(peer[0]), len(data)
        return None

    def load(
        self,
        decision: Decision,
        heard: list[Heard],
        patience: float,
        files: dict[str, bytes],
    ) -> None:
        """Load what was decided, into `files`."""
        own = _address(decision)
        load = decision.load
        if isinstance(load, LoadUrl):
            kind = self._kind
            files[load.url] = load_http(
                load.url, kind.fields, own, patience, head=kind.head
            )
        elif isinstance(load, LoadTftp):
            server = str(load.server)
            named = (load.name,) if load.name else self._names(own)
            self._load_first(named, server, own, patience, files)
        elif decision.stop is Stop.NO_FILE and self._names(own) and self._ways.tftp:
            # It was told where to look by hand.
            names, server = self._names(own), self._ways.tftp[0]
            self._load_first(names, server, own, patience, files)

    def _names(self, own: str) -> tuple[str, ...]:
        return self._kind.names(self._mac, IPv4Address(own))

    def _load_first(
        self,
        names: tuple[str, ...],
        server: str,
        own: str,
        patience: float,
        files: dict[str, bytes],
    ) -> None:
        """Load the first of these names that is there."""
        if self._ways.tftp is None or self._ways.tftp[0] != server:
            raise LoadError(f"nobody serves TFTP at {server}")
        tftp = Tftp(self._ways.tftp, own, patience)
        for number, name in enumerate(names, 1):
            try:
                if self._kind.probe:
                    tftp.size(name, self._kind.probe)
                files[name] = tftp.load(name, self._kind.tftp)
            except LoadError as error:
                if not error.missing or number == len(names):
                    raise
            else:
                return


def _address(decision: Decision) -> str:
    for step in decision.steps:
        if isinstance(step, RequestAddress):
            return str(step.address)
    return NOWHERE


def _transaction() -> int:
    return int.from_bytes(os.urandom(4), "big")
