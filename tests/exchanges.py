"""A client's exchange and a server face to face, in simulated time."""

import heapq
import itertools
import random

from fastboot.errors import NotFound
from fastboot.tftp.blocks import NetasciiBlocks, OctetBlocks
from fastboot.tftp.download import Reading
from fastboot.tftp.exchange import Exchange
from fastboot.tftp.landing import Memory
from fastboot.tftp.options import Limits, Negotiated, negotiate
from fastboot.tftp.packet import (
    Error,
    ErrorCode,
    ReadRequest,
    WriteRequest,
    decode,
    refusal,
)
from fastboot.tftp.receive import Farewells, Receiver
from fastboot.tftp.transfer import Sender, Terms
from fastboot.tftp.upload import Writing
from fastboot.tftp.wishes import Wishes
from fastboot.tree import Blob

LATENCY = 0.001
"""Seconds from one end to the other."""

ASKED = ("192.0.2.1", 69)
"""The server, as it is asked."""

TID = ("192.0.2.1", 50001)
"""Where it answers from (RFC 1350, section 4)."""

SMALL = Wishes(blksize=8, windowsize=4)
"""Blocks so small that every border is met soon."""


def noise(size):
    return random.Random(size).randbytes(size)


def fetching(landing=None, wishes=SMALL, *, patience=30.0, netascii=False):
    if landing is None:
        landing = Memory()
    role = Reading(b"file", "file at there", landing, patience, netascii=netascii)
    return Exchange(role, ASKED, wishes, patience)


def sending(content, wishes=SMALL, *, patience=30.0, netascii=False):
    blob = Blob.from_bytes(content)
    role = Writing(b"file", "file at there", blob, patience, netascii=netascii)
    return Exchange(role, ASKED, wishes, patience)


class Kept:
    """What a server keeps of a file that it is sent."""

    ready = True
    problem = None

    def __init__(self):
        self.data = b""
        self.kept = False

    def write(self, data):
        self.data += data

    def keep(self):
        self.kept = True


class Server:
    """One transfer's worth of a server, made of the machines that a real one runs.

    files: name -> bytes. knows: whether it knows of options; "refuses": answers them
    with ERROR 8. limits: what it grants.
    """

    def __init__(self, files=None, *, knows=True, limits=None):
        self.files = files or {}
        self.knows = knows
        self.limits = limits or Limits()
        self.requests = []
        self.machine = None
        self.kept = Kept()
        self.farewells = Farewells()

    @property
    def deadline(self):
        return self.machine.deadline if self.machine else None

    @property
    def finished(self):
        return self.machine is not None and self.machine.finished

    def receive(self, raw, to, now):
        packet = decode(raw)
        if to == ASKED:
            return self._request(packet, now)
        packets = self.machine.receive(raw, now)
        if self.machine.finished and not packets:
            last = self.farewells.answer("client", raw, now)
            packets = [last.encode()] if last else []
        if self.machine.finished and isinstance(self.machine, Receiver):
            self.farewells.remember("client", self.machine.last_ack, now)
        return [(packet, TID) for packet in packets]

    def tick(self, now):
        return [(packet, TID) for packet in self.machine.tick(now)]

    def _request(self, request, now):
        self.requests.append(request)
        if self.machine is not None and not self.machine.finished:
            return [(packet, TID) for packet in self.machine.repeat(now)]
        if request.options and self.knows == "refuses":
            return [(Error(ErrorCode.OPTION_REFUSED, b"no options").encode(), TID)]
        try:
            self.machine = self._machine(request)
        except NotFound as error:
            return [(refusal(error).encode(), TID)]
        return [(packet, TID) for packet in self.machine.start(now)]

    def _machine(self, request):
        netascii = request.mode == b"netascii"
        negotiated = Negotiated()
        if isinstance(request, WriteRequest):
            if self.knows:
                negotiated = negotiate(request.options, self.limits, None)
            return Receiver(self.kept, negotiated, netascii=netascii)
        assert isinstance(request, ReadRequest)
        if request.filename not in self.files:
            raise NotFound("there is no such file")
        blob = Blob.from_bytes(self.files[request.filename])
        size = None if netascii else blob.size
        if self.knows:
            negotiated = negotiate(request.options, self.limits, size)
        kind = NetasciiBlocks if netascii else OctetBlocks
        return Sender(kind(blob, negotiated.blksize), Terms(negotiated, blob.size))


class Network:
    """Carries datagrams between an exchange and a server, and counts them from 0.

    fate: what befalls the n-th datagram: None, "lose", "duplicate" or "delay" (by 1.5 s).
    """

    def __init__(self, exchange, server, fate=lambda number: None):
        self.exchange = exchange
        self.server = server
        self.fate = fate
        self.carried = 0
        self.now = 0.0
        self._queue = []
        self._order = itertools.count()

    def _put(self, parcels, *, up):
        for raw, address in parcels:
            fate = self.fate(self.carried)
            self.carried += 1
            if fate == "lose":
                continue
            due = self.now + (1.5 if fate == "delay" else LATENCY)
            for _ in range(2 if fate == "duplicate" else 1):
                heapq.heappush(self._queue, (due, next(self._order), up, raw, address))

    def run(self, until=300.0):
        exchange, server = self.exchange, self.server
        self._put(exchange.start(0.0), up=True)
        while self.now < until and not exchange.finished:
            times = [until, exchange.deadline, server.deadline]
            if self._queue:
                times.append(self._queue[0][0])
            self.now = min(time for time in times if time is not None)
            if self._queue and self._queue[0][0] <= self.now:
                _, _, up, raw, address = heapq.heappop(self._queue)
                if up:
                    self._put(server.receive(raw, address, self.now), up=False)
                else:
                    self._put(exchange.receive(raw, address, self.now), up=True)
            elif exchange.deadline is not None and exchange.deadline <= self.now:
                self._put(exchange.tick(self.now), up=True)
            elif server.deadline is not None and server.deadline <= self.now:
                self._put(server.tick(self.now), up=False)
        return self
