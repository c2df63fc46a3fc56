"""Boots of real firmware, recorded: what it heard, what it did, what its screen showed.

`boots.toml` lists them; beside it lies what went over the wire, a file for each machine
that was switched on: DHCP, requests of TFTP and HTTP, and what was turned away by ICMP.
`tests/firmware/troubles.py` has the networks, and `python -m tests.firmware.record`
makes such files. One machine may boot several times in one file, by one firmware after
the other; each of its boots begins with a DISCOVER of a new transaction.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path

from fastboot.dhcp.options import Code, MessageType
from fastboot.dhcp.packet import BOOTREPLY, Frame, decode
from fastboot.firmware.decision import Heard

from .pcap import Datagram, read

HERE = Path(__file__).parent

SERVERS, QUESTIONS = 67, 4011
"""Where clients ask any server, and a boot server."""


@dataclass(frozen=True, slots=True)
class Boot:
    """One attempt of one firmware.

    Attributes:
        recording: The file's name, without its suffix.
        turn: Which of the file's attempts it is, from 0.
        network: The letter of the network in `tests/firmware/troubles.py`.
        firmware: "edk2-pxe", "edk2-http" or "ipxe".
        lease: The server whose address it asked for; empty: it asked nobody.
        asks: Whom it asked on port 4011.
        loads: What it tried to load: a URL, "tftp://" for TFTP.
        screen: What its screen showed when it gave up; empty where it went on.
    """

    recording: str
    turn: int
    network: str
    firmware: str
    lease: str = ""
    asks: str = ""
    loads: str = ""
    screen: str = ""

    def __str__(self) -> str:
        return f"{self.recording}-{self.turn}"

    @property
    def sent(self) -> list[Datagram]:
        """All that went over the wire, from its first DISCOVER on."""
        return _turns(self.recording)[self.turn]

    @property
    def replies(self) -> list[tuple[Datagram, Frame]]:
        """The messages of servers to it, in the order in which they came."""
        return [
            (sent, frame)
            for sent, frame in _messages(self.sent)
            if frame.op == BOOTREPLY
        ]

    @property
    def questions(self) -> list[tuple[Datagram, Frame]]:
        """Its own messages."""
        return [
            (sent, frame)
            for sent, frame in _messages(self.sent)
            if frame.op != BOOTREPLY
        ]

    @property
    def heard(self) -> list[Heard]:
        """What it had to decide upon.

        These are the offers until it asked for an address, and the answers from port
        4011. What came later than that it did not wait for.
        """
        asked = [
            sent.seconds
            for sent, frame in self.questions
            if sent.target_port == SERVERS and frame.message_type == MessageType.REQUEST
        ]
        until = asked[0] if asked else float("inf")
        return [
            Heard(frame, sent.source, order, sent.source_port, len(sent.data))
            for order, (sent, frame) in enumerate(self.replies)
            if sent.source_port == QUESTIONS
            or (sent.seconds < until and frame.message_type == MessageType.OFFER)
        ]

    @property
    def silent(self) -> frozenset[IPv4Address]:
        """The servers that it asked on port 4011 and that did not answer."""
        asked = {s.target for s, _ in self.questions if s.target_port == QUESTIONS}
        answered = {s.source for s, _ in self.replies if s.source_port == QUESTIONS}
        return frozenset(asked - answered)


def _messages(sent: list[Datagram]) -> list[tuple[Datagram, Frame]]:
    ports = (SERVERS, QUESTIONS)
    return [
        (datagram, decode(datagram.data))
        for datagram in sent
        if datagram.protocol == "udp"
        and (datagram.source_port in ports or datagram.target_port in ports)
    ]


@cache
def _turns(recording: str) -> list[list[Datagram]]:
    """What a file holds, cut where a DISCOVER begins a new transaction."""
    turns: list[list[Datagram]] = []
    xid = -1
    for datagram in read(HERE / f"{recording}.pcap"):
        for _, frame in _messages([datagram]):
            if frame.message_type == MessageType.DISCOVER and frame.xid != xid:
                xid = frame.xid
                turns.append([])
        turns[-1].append(datagram)
    return turns


def lease(boot: Boot) -> str:
    """Whose address a boot asked for, by its packets (option 54 of its REQUEST)."""
    for sent, frame in boot.questions:
        named = frame.option(Code.SERVER_IDENTIFIER)
        if sent.target_port == SERVERS and named:
            return str(IPv4Address(named))
    return ""


BOOTS = [
    Boot(**table) for table in tomllib.loads((HERE / "boots.toml").read_text())["boot"]
]
"""Every boot that was recorded."""
