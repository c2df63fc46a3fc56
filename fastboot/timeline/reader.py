"""The machines that were seen: events in, from any thread; records out.

A machine goes by its hardware address. TFTP and HTTP know only where a client is, which
DHCP's messages tell to be somebody's; of who is not known that way the neighbour table
is asked, later, by whoever calls `tick`. Until then it goes by its address.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

from fastboot import events, seen
from fastboot.batch import Answers, Batch, finished
from fastboot.boot.machine import is_played
from fastboot.report import clean

from .book import CLIENTS_MAX, Book
from .diagnosis import Diagnosis, diagnose
from .door import Door
from .packets import DATA_MAX, Captured
from .record import Record
from .steps import TEXT_MAX, Kind, Offer, Step

OPEN_FOR = 120.0
"""Seconds after its last step in which a machine is looked at for having stopped."""

LOOKS = 500
"""Machines looked at in one `tick`, so that others are not kept waiting."""

RESOLVES = 64
"""Addresses looked up in one `tick`: each is a question to the kernel for each interface,
and addresses are free for who makes them up."""

SAY_AGAIN = 600.0
"""Seconds after which the same reason about the same machine is reported again."""

OURS = "/_fastboot"
"""Where our own pages are: who reads them is no machine that boots."""

_RELAYED = ("0.0.0.0", "")  # noqa: S104 (a client without an address)


def short(text: str, most: int = TEXT_MAX) -> str:
    r"""A peer's text on one line, of a length that is bounded.

    >>> short("a\nb")
    'a\\x0ab'
    """
    text = clean(text)
    return text if len(text) <= most else text[: most - 1] + "…"


OUR_MAX = 600
"""Characters of a sentence of our own, which may name a path here."""


class Timeline:
    """What machines did; told of events and of what engines see, and for reading.

    Everything may be called from any thread.

    Args:
        clock: Seconds that only grow.
        epoch: Seconds since 1970.
        clients_max: Machines remembered.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        epoch: Callable[[], float],
        clients_max: int = CLIENTS_MAX,
    ) -> None:
        self._clock = clock
        self._epoch = epoch
        self._book = Book(clients_max)
        self._lock = threading.Lock()
        self._early: OrderedDict[str, Step] = OrderedDict()
        self._door = Door(self._book)
        self._take: dict[type, Callable[[Any], None]] = {
            seen.Asked: self._asked,
            seen.Holds: self._holds,
            seen.Overheard: self._overheard,
            events.Offered: self._offered,
            events.Leased: self._leased,
            events.Unbootable: self._unbootable,
            seen.Packet: self._packet,
            events.Probed: self._probed,
            events.Finished: self._finished,
            events.Received: self._received,
            events.Failed: self._failed,
            events.NotReceived: self._failed,
            events.RequestRefused: self._refused,
        }

    def __call__(self, event: events.Event | seen.Sight) -> None:
        """Take an event."""
        take = self._take.get(type(event))
        if take is not None and not is_played(getattr(event, "mac", "")):
            with self._lock:
                if self._door.lets_in(event, self._clock()):
                    take(event)

    def many(self, batch: Batch) -> None:
        """Take files that machines got, and what these asked and were answered."""
        with self._lock:
            now, at, full = self._clock(), self._epoch(), False
            for row in batch.rows:
                key = self._book.key_of(row[0])
                known = key in self._book.records
                if full and not known:
                    continue  # in the same moment nobody else comes in
                if known or not self._door.is_crowded(now):
                    for source, target, data in batch.datagrams(row):
                        # Requests that are kept are shorter than `DATA_MAX`.
                        kept = Captured(at, source, target, data, len(data))
                        self._book.ring.add(key, kept)
                if known or self._door.admits(now):
                    self._finished(finished(row))
                else:
                    full = True

    def answered(self, answers: Answers) -> None:
        """Take files that machines got over HTTP."""
        with self._lock:
            now = self._clock()
            for event, count in answers.summed():
                if self._door.lets_in(event, now):
                    self._finished(event, count)

    # Reading

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._book.version

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Have that called, from any thread, when `tick` has something to look at."""
        self._book.wake = wake

    def __len__(self) -> int:
        """How many machines are remembered."""
        return len(self._book.records)

    @property
    def cost(self) -> int:
        """Bytes that all of it takes, about."""
        return self._book.cost

    def records(self, limit: int, since: int = -1) -> list[tuple[str, Record]]:
        """The machines heard of last, the last first, each as it is now.

        Args:
            limit: How many at the most.
            since: Only those that changed after that version.
        """
        found: list[tuple[str, Record]] = []
        with self._lock:
            for key in reversed(self._book.records):
                record = self._book.records[key]
                if record.version > since:
                    found.append((key, _copy(record)))
                if len(found) == limit:
                    break
        return found

    def record(self, key: str) -> tuple[str, Record] | None:
        """The machine of that hardware address, or at that address."""
        with self._lock:
            key = self._book.key_of(key)
            record = self._book.records.get(key)
            return None if record is None else (key, _copy(record))

    def diagnosis(self, record: Record) -> Diagnosis | None:
        """See `Record.diagnosis`."""
        return record.diagnosis(self._clock())

    def packets(self, key: str) -> tuple[Captured, ...]:
        """The last datagrams of a machine, the oldest first."""
        with self._lock:
            return self._book.ring.of(self._book.key_of(key))

    def key_of(self, address: str) -> str:
        """What the machine at an address goes by."""
        with self._lock:
            return self._book.key_of(address)

    # By the clock

    @property
    def waits(self) -> bool:
        """Whether `tick` has something to look at, now or later."""
        return bool(self._book.looked_at or self._book.unresolved)

    def tick(self, resolve: Callable[[str], str] = str) -> list[events.BootStopped]:
        """Look at machines that may have stopped; what is to be reported.

        Args:
            resolve: The hardware address of who has an address; "" where unknown.
        """
        self._resolve(resolve)
        now, told = self._clock(), []
        with self._lock:
            for key in list(self._book.looked_at)[:LOOKS]:
                record = self._book.records.get(key)
                if record is None or now - record.last > OPEN_FOR:
                    del self._book.looked_at[key]
                    continue
                self._book.looked_at.move_to_end(key)
                found = diagnose(record.attempt, now, hears=record.hears)
                if found is None or found.told or not self._is_news(record, found, now):
                    continue
                record.said = (found.sentence, now)
                self._book.touch(record)
                told.append(
                    events.BootStopped(
                        *(key, found.stage, found.code, found.sentence, found.cure)
                    )
                )
        return told

    def _is_news(self, record: Record, found: Diagnosis, now: float) -> bool:
        sentence, at = record.said
        return sentence != found.sentence or now - at > SAY_AGAIN

    def _resolve(self, resolve: Callable[[str], str]) -> None:
        with self._lock:
            addresses = list(islice(self._book.unresolved, RESOLVES))
        for address in addresses:
            mac = resolve(address)
            with self._lock:
                self._book.unresolved.pop(address, None)
                if mac and mac != address:
                    self._book.know(address, mac)

    # Events

    def _asked(self, event: seen.Asked) -> None:
        if event.address:
            self._book.know(event.address, event.mac)
        kind = Kind.QUESTION if event.boot_server else Kind.ASKED
        record = self._book.record(event.mac)
        record.arch, record.firmware = event.arch, event.firmware
        record.hears = event.hears
        text = "" if event.boot_server else event.arch
        now, protocol = self._clock(), event.protocol
        step = Step(kind, now, text, event.firmware, protocol)
        self._book.add(event.mac, step)
        if event.silence:
            step = Step(Kind.SILENT, now, note=event.silence)
            self._book.add(event.mac, step)
        early = self._early.pop(event.mac, None)
        if early is not None and self._clock() - early.at < 1.0:
            self._book.add(event.mac, early)

    def _holds(self, event: seen.Holds) -> None:
        if event.mac in self._book.records:
            self._book.know(event.address, event.mac)

    def _overheard(self, event: seen.Overheard) -> None:
        offer = Offer(
            server=event.server,
            address=event.address,
            vendor=short(event.vendor),
            boots=event.boots,
            next_server=event.next_server,
            file=short(event.file),
            ours=event.ours,
        )
        step = Step(Kind.HEARD, self._clock(), offer.server, offer=offer)
        if event.address:
            self._book.know(event.address, event.mac)
        if event.mac in self._book.records:
            self._book.add(event.mac, step)
            return
        self._early[event.mac] = step  # its question may be the next thing we read
        if len(self._early) > 256:
            self._early.popitem(last=False)

    def _offered(self, event: events.Offered) -> None:
        told = event.message == "ack"
        kind = Kind.TOLD if told else Kind.OFFERED
        step = Step(kind, self._clock(), short(event.file), event.server)
        record = self._book.record(event.mac)
        record.arch = record.arch or event.arch
        self._book.add(event.mac, step)

    def _leased(self, event: events.Leased) -> None:
        if event.mac not in self._book.records:
            return  # a client that does not boot
        now, note = self._clock(), event.server
        match event.message:
            case "offer":
                step = Step(Kind.OFFERED, now, short(event.detail), note)
            case "ack":
                self._book.know(event.address, event.mac)
                step = Step(Kind.TOLD, now, short(event.detail), note)
            case _:
                reason = f"{event.address} {event.detail}"
                step = Step(Kind.REFUSED_ADDRESS, now, note=short(reason))
        self._book.add(event.mac, step)

    def _unbootable(self, event: events.Unbootable) -> None:
        step = Step(
            Kind.MISSING, self._clock(), event.arch, short(event.reason, OUR_MAX)
        )
        self._book.add(event.mac, step)

    def _packet(self, event: seen.Packet) -> None:
        key = event.mac or self._book.key_of(event.client[0])
        source, target = event.client, event.server
        if not event.inbound:
            source, target = target, source
        if event.inbound and source[0] in _RELAYED:
            target = ("255.255.255.255", target[1])
        size, data = len(event.data), bytes(event.data[:DATA_MAX])
        self._book.ring.add(key, Captured(self._epoch(), source, target, data, size))

    def _probed(self, event: events.Probed) -> None:
        self._file(Kind.PROBED, event, event.size)

    def _finished(self, event: events.Finished, count: int = 1) -> None:
        key = self._book.key_of(event.client)
        record = self._book.records.get(key)
        if record is not None:
            now, name = self._clock(), short(event.name)
            step = record.repeated(Kind.GOT, name, event.protocol, now)
            if step is not None:
                step.size, step.seconds = event.size, event.seconds
                step.count += count - 1
                self._book.records.move_to_end(key)
                self._book.touch(record)
                return
        self._file(Kind.GOT, event, event.size, event.seconds, count=count)

    def _received(self, event: events.Received) -> None:
        self._file(Kind.SENT, event, event.size, event.seconds)

    def _failed(self, event: events.Failed | events.NotReceived) -> None:
        self._file(Kind.LOST, event, event.size, event.seconds, event.reason)

    def _refused(self, event: events.RequestRefused) -> None:
        key = self._book.key_of(event.client)
        if event.protocol != "tftp" and key not in self._book.records:
            return  # a browser that looks for its icon
        self._file(Kind.REFUSED, event, 0, 0.0, event.reason)

    def _file(
        self,
        kind: Kind,
        event: Any,  # noqa: ANN401 (any that has protocol, client and name)
        size: int,
        seconds: float = 0.0,
        note: str = "",
        count: int = 1,
    ) -> None:
        if event.protocol != "tftp" and (
            event.name.startswith(OURS) or event.name.endswith("/")
        ):
            return  # a page, which people read
        address: str = event.client
        key = self._book.key_of_client(address)
        record = self._book.record(key)
        record.address = address
        step = Step(
            kind,
            self._clock(),
            short(event.name),
            short(note),
            event.protocol,
            count=count,
            size=size,
            seconds=seconds,
        )
        self._book.add(key, step)


def _copy(record: Record) -> Record:
    return replace(record, steps=[replace(step) for step in record.steps])
