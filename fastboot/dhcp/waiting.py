"""Answers that wait before they are sent: for a moment, or for an address to be tried.

An address is tried by an ICMP echo (RFC 2131, section 2.2): whoever has it answers
within milliseconds. Other answers do not wait meanwhile.
"""

from __future__ import annotations

import os
import socket
from collections import OrderedDict, deque
from dataclasses import dataclass
from ipaddress import IPv4Address

from fastboot.arrival import Arrival, sent_from
from fastboot.errors import DecodeError
from fastboot.poller import READ, Poller

from .echo import decode_reply, encode
from .outcome import Origin, Reply
from .packet import Frame
from .ports import Port

WAIT = 0.5
"""Seconds that whoever has an address is given to say so. Other servers wait one second
or three; boot ROMs ask again after one to four, and a LAN answers in milliseconds."""

TRIED = 60.0
"""Seconds for which nobody having an address is believed: a client's later tries."""

HELD_MAX = 4096
"""Answers that wait at a time; more are as good as lost."""

TRIES_MAX = 512
"""Addresses that are tried at a time: the kernel looks for the hardware address of each,
and knows 1024 neighbours at the most. More are offered untried."""

_SOL_RAW, _ICMP_FILTER = 255, 1  # linux/icmp.h
_ONLY_REPLIES = (~1 & 0xFFFFFFFF).to_bytes(4, "little")  # a bit for each type left out
_MESSAGES_MAX = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and the question that it answers.

    Attributes:
        port: The socket that the question came to.
        frame: The question.
        origin: Where it came in.
        came: And how.
        reply: The answer.
    """

    port: Port
    frame: Frame
    origin: Origin
    came: Arrival
    reply: Reply


class Waiting:
    """The answers that wait, in two bounded tables.

    Args:
        poller: Is told of the socket for echoes.
        delay: Seconds that every answer waits.
        probe: Whether addresses are to be tried.
    """

    def __init__(self, poller: Poller, delay: float, *, probe: bool) -> None:
        self._poller = poller
        self._delay = delay
        self._delayed: deque[tuple[float, Answer]] = deque()
        self._trying: OrderedDict[IPv4Address, tuple[float, Answer]] = OrderedDict()
        self._tried: OrderedDict[IPv4Address, float] = OrderedDict()
        self._sock = _icmp_socket() if probe else None
        self._identifier = os.getpid() & 0xFFFF
        self._sequence = 0
        self.can_probe = self._sock is not None
        if self._sock is not None:
            poller.watch(self._sock.fileno(), READ)

    @property
    def deadline(self) -> float:
        """When the first of them is due; infinity where none waits."""
        delayed = self._delayed[0][0] if self._delayed else float("inf")
        trying = next(iter(self._trying.values()), (float("inf"), None))[0]
        return min(delayed, trying)

    @property
    def is_full(self) -> bool:
        """Whether no more answers can wait."""
        return len(self._delayed) >= HELD_MAX

    def hold(self, answer: Answer, now: float) -> bool:
        """Let an answer wait, if it has to; False: it is to be sent at once."""
        address = answer.reply.probe
        if address is not None and self._try(address, answer, now):
            return True
        if not self._delay:
            return False
        self._delayed.append((now + self._delay, answer))
        return True

    def due(self, now: float) -> list[Answer]:
        """The answers that have waited long enough, the first ones first."""
        due = []
        while self._delayed and self._delayed[0][0] <= now:
            due.append(self._delayed.popleft()[1])
        while self._trying:
            address, (until, answer) = next(iter(self._trying.items()))
            if until > now:
                break
            del self._trying[address]
            self._remember(address, now)
            due.append(answer)
        return due

    def refused(self) -> list[Answer]:
        """The answers whose address turned out to be somebody's; they are forgotten."""
        found: list[Answer] = []
        if self._sock is None:
            return found
        for _ in range(_MESSAGES_MAX):
            try:
                packet, (source, _) = self._sock.recvfrom(512)
                identifier, _ = decode_reply(packet)
            except BlockingIOError:
                break
            except (DecodeError, OSError):
                continue
            _, answer = self._trying.get(IPv4Address(source), (0.0, None))
            if answer is not None and identifier == self._identifier:
                del self._trying[IPv4Address(source)]
                found.append(answer)
        return found

    def _try(self, address: IPv4Address, answer: Answer, now: float) -> bool:
        if self._sock is None:
            return False
        if address in self._trying:  # asked again: the later question is answered
            until, _ = self._trying[address]
            self._trying[address] = (until, answer)
            return True
        if now - self._tried.get(address, float("-inf")) < TRIED:
            return False
        if len(self._trying) >= TRIES_MAX or not self._ask(address, answer):
            return False
        self._trying[address] = (now + WAIT, answer)
        return True

    def _ask(self, address: IPv4Address, answer: Answer) -> bool:
        assert self._sock is not None
        self._sequence = (self._sequence + 1) & 0xFFFF
        relayed = not answer.frame.giaddr.is_unspecified
        index = 0 if relayed else answer.came.index
        message = encode(self._identifier, self._sequence)
        ancillary = sent_from(str(answer.origin.server), index)
        try:
            self._sock.sendmsg([message], ancillary, 0, (str(address), 0))
        except OSError:
            return False  # no way there, so nobody who could have it either
        return True

    def _remember(self, address: IPv4Address, now: float) -> None:
        self._tried[address] = now
        self._tried.move_to_end(address)
        if len(self._tried) > HELD_MAX:
            self._tried.popitem(last=False)

    def clear(self) -> None:
        """Forget all that wait."""
        self._delayed.clear()
        self._trying.clear()

    def close(self) -> None:
        """Give the socket back; a second call does nothing."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def _icmp_socket() -> socket.socket | None:
    """A socket that hears echo replies; None where we may not have one."""
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except OSError:
        return None
    sock.setblocking(False)
    try:
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, _ONLY_REPLIES)
    except OSError:
        pass  # not Linux: what is no echo reply is told by its type
    return sock
