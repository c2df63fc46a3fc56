"""Events as log lines: one for people, or one JSON object.

Texts that came from a peer are escaped and cut, so that one event is one line whatever
was sent. Someone who makes us write the same line again and again gets it counted
instead. Lines are written by a thread of their own: a log that nobody reads, or that
cannot be written, keeps nobody waiting.
"""

from __future__ import annotations

import dataclasses
import json
import os
import select
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from queue import Empty, SimpleQueue
from typing import Any, TextIO

from . import events
from .batch import Answers, Batch, finished

TEXT_MAX = 512
"""Characters of a line or of a peer's text that are shown."""

REPEATS_MAX = 10
"""Lines of one kind about one client in each period; the rest is counted."""

KIND_MAX = 100
"""Lines of one kind about all clients in each period, finished transfers aside."""

SMALL = 1 << 20
SMALL_MAX = 1000
"""Lines about finished transfers of less than `SMALL` bytes in each period. A boot loader
reads dozens of such files; who reads thousands would cost more in lines than in bytes."""

PERIOD = 10.0
"""Seconds of a period."""

LINES_MAX = 4096
"""Lines that may wait to be written; more are counted instead."""

GATHER = 0.05
"""Seconds in which lines gather after some were written: a thread that woke up for each
would cost a busy server more than the line."""

LINES_AT_ONCE = 256
"""Lines written by one call."""

FLUSH = 2.0
"""Seconds that the last lines have to get out."""


_SMALL = ("small",)


def clean(text: str) -> str:
    r"""A peer's text on one line, in printable characters.

    >>> clean("a\n\x1b[2Jb")
    'a\\x0a\\x1b[2Jb'
    """
    if len(text) <= TEXT_MAX and text.isprintable():
        return text
    shown = "".join(char if char.isprintable() else _escape(char) for char in text)
    return shown if len(shown) <= TEXT_MAX else shown[: TEXT_MAX - 1] + "…"


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def size(count: int) -> str:
    """Bytes in a unit that fits.

    >>> size(999), size(1_500_000)
    ('999 B', '1.5 MB')
    """
    if count < 1000:
        return f"{count} B"
    for unit in ("kB", "MB", "GB", "TB"):
        value = count / 1000
        if value < 1000 or unit == "TB":
            return f"{value:.1f} {unit}"
        count = round(value)
    raise AssertionError


def text_line(event: events.Event) -> str:
    """The event as a sentence.

    >>> text_line(events.Finished("tftp", "10.0.0.7", "ipxe.efi", 1_000_000, 0.5))
    'tftp  10.0.0.7 got ipxe.efi: 1.0 MB in 0.50 s, 2.0 MB/s, 0 retransmissions'
    """
    return clean(_sentence(event))


def _sentence(event: events.Event) -> str:
    match event:
        case events.Listening(protocol, address, port):
            return f"{protocol:5} listening on {address} port {port}"
        case events.Awaited(address):
            return f"no interface has {address} yet: it is served once one has it"
        case events.Offered(mac, arch, file, server, message):
            what = file or "its own files"
            return f"dhcp  {mac} ({arch}) {message}: {what}, from {server}"
        case events.Unbootable(mac, arch, reason):
            return f"dhcp  {mac} ({arch}) cannot boot: {reason}"
        case events.Rival(server, mac):
            return (
                f"dhcp  {mac} was told PXEClient by {server}, so a UEFI machine asks "
                "nobody else: remove option 60 there"
            )
        case events.Leased():
            return _leased(event)
        case events.Released(mac, address):
            return f"dhcp  {mac} no longer has {address}"
        case events.Conflict(address, mac, how):
            return f"dhcp  {address} is somebody else's ({mac} {how}): set aside"
        case events.LeaseTrouble(reason):
            return f"dhcp  {reason}"
        case events.Serves(network, pool, seconds, chosen):
            why = "; [[dhcp.subnet]] changes that" if chosen else ""
            return f"dhcp  gives {pool} of {network} for {seconds} s{why}"
        case events.Probed(protocol, client, name, count):
            return f"{protocol:5} {client} asked for the size of {name}: {size(count)}"
        case events.Finished():
            return _finished(event)
        case events.Failed(protocol, client, name, count, seconds, reason):
            lost = f"lost {name} after {size(count)} and {seconds:.2f} s"
            return f"{protocol:5} {client} {lost}: {reason}"
        case events.Received():
            return _received(event)
        case events.NotReceived(protocol, client, name, count, seconds, reason):
            sent = f"sent {name} up to {size(count)} in {seconds:.2f} s"
            return f"{protocol:5} {client} {sent}, not kept: {reason}"
        case events.RequestRefused(protocol, client, name, reason):
            return f"{protocol:5} {client} refused {name}: {reason}"
        case events.Dropped(protocol, client, reason):
            return f"{protocol:5} {client} dropped: {reason}"
        case events.Reloaded(protocol, reason):
            why = f"stay as they were: {reason}" if reason else "were read again"
            return f"{protocol:5} the certificates {why}"
        case events.Fault(protocol, error):
            return f"{protocol:5} mistake in fastboot, please report it: {error!r}"
        case events.BootStopped(client, stage, code, reason, cure):
            shown = f" ({code})" if code else ""
            then = f"; {cure}" if cure else ""
            return f"boot  {client} stopped at the {stage}{shown}: {reason}{then}"
        case events.Repeated(count, seconds):
            return f"{count} more lines like these in {seconds:.0f} s"


def _received(event: events.Received) -> str:
    seconds = max(event.seconds, 1e-6)
    return (
        f"{event.protocol:5} {event.client} sent {event.name}: {size(event.size)} "
        f"in {seconds:.2f} s, {size(round(event.size / seconds))}/s, "
        f"{event.retransmissions} retransmissions"
    )


def _leased(event: events.Leased) -> str:
    text = f"dhcp  {event.mac} {event.message} {event.address}"
    if event.seconds:
        text += f" for {event.seconds} s"
    detail = f" {event.detail}" if event.message == "nak" else f": {event.detail}"
    return text + detail if event.detail else text


def _finished(event: events.Finished) -> str:
    seconds = max(event.seconds, 1e-6)
    text = (
        f"{event.protocol:5} {event.client} got {event.name}: {size(event.size)} "
        f"in {seconds:.2f} s, {size(round(event.size / seconds))}/s"
    )
    if event.protocol == "tftp":
        text += f", {event.retransmissions} retransmissions"
    return text


def json_line(event: events.Event) -> str:
    """The event as one JSON object, its kind under "event".

    >>> json_line(events.Listening("tftp", "0.0.0.0", 69))
    '{"event": "Listening", "protocol": "tftp", "address": "0.0.0.0", "port": 69}'
    """
    kind: Any = type(event)
    # Not by `json.dumps` of a dictionary: this is a third of a small file's whole cost.
    fields = [
        f', "{name}": {_json_value(getattr(event, name))}' for name in _names(kind)
    ]
    return f'{{"event": "{kind.__name__}"{"".join(fields)}}}'


@lru_cache(64)
def _names(kind: Any) -> tuple[str, ...]:  # noqa: ANN401 (a dataclass)
    return tuple(field.name for field in dataclasses.fields(kind))


def _json_value(value: object) -> str:
    if isinstance(value, str):
        return encode_basestring_ascii(clean(value))
    if type(value) in (int, float):
        return repr(value)
    if isinstance(value, Exception):
        return json.dumps("".join(traceback.format_exception(value)))
    return json.dumps(value)


def write_to(stream: TextIO | None) -> Callable[[str], None]:
    """What writes a line to a stream at once, in one piece where the system does so.

    It goes by the descriptor: a thread that is stuck in a write of Python's own buffer
    would hold the lock that the interpreter takes when it ends.

    Args:
        stream: Standard output, or None where the program was started without one.
    """
    if stream is None:
        return lambda line: None
    fd, encoding = stream.fileno(), stream.encoding

    def write(line: str) -> None:
        data = f"{line}\n".encode(encoding, "backslashreplace")
        while data:
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:  # another program made the terminal non-blocking
                select.select((), (fd,), ())

    return write


def complain(text: str) -> None:
    """Say on standard error what a person has to know, in one line."""
    try:
        write_to(sys.stderr)(f"fastboot: {clean(text)}")
    except (OSError, ValueError):
        pass  # there is nobody to tell


class Report:
    """Writes events as lines, and counts those that repeat too often.

    Args:
        write: Takes a finished line, or several at once; called from a thread of its
            own. It may block, and may raise OSError and ValueError.
        line: `text_line` or `json_line`.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        line: Callable[[events.Event], str],
        clock: Callable[[], float],
    ) -> None:
        self._write = write
        self._line = line
        self._clock = clock
        self._since = clock()
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._hidden = 0
        self._lock = threading.Lock()
        self._waiting: SimpleQueue[str | None] = SimpleQueue()
        self._closing = threading.Event()
        self._writer = threading.Thread(
            target=self._work, name="fastboot.report", daemon=True
        )
        self._writer.start()

    def __call__(self, event: events.Event) -> None:
        """Take an event, from any thread."""
        with self._lock:
            self._look_at_clock()
            self._take(event)

    def many(self, batch: Batch) -> None:
        """Take a batch of files that were got, from any thread."""
        with self._lock:
            self._look_at_clock()
            for row in batch.rows:
                if row[5].size < SMALL and self._counts[_SMALL] >= SMALL_MAX:
                    self._hidden += 1
                else:
                    self._take(finished(row))

    def answered(self, answers: Answers) -> None:
        """Take a batch of answers over HTTP, from any thread."""
        with self._lock:
            self._look_at_clock()
            for row in answers.rows:
                if row[2] < SMALL and self._counts[_SMALL] >= SMALL_MAX:
                    self._hidden += 1
                else:
                    self._take(events.Finished(answers.protocol, *row))

    def _look_at_clock(self) -> None:
        """Begin a new period where one is over."""
        now = self._clock()
        if now - self._since >= PERIOD:
            self._since = now
            self._counts.clear()
            if self._has_room():
                self._tell_hidden()

    def _take(self, event: events.Event) -> None:
        if self._is_too_much(event) or not self._has_room():
            self._hidden += 1
        else:
            self._waiting.put(self._line(event))

    def say(self, text: str) -> None:
        """Take a text that is no event, one line or more, from any thread."""
        with self._lock:
            self._waiting.put(text)

    def close(self) -> None:
        """Say how many lines were left out, if any, and wait for the last ones.

        No longer than `FLUSH`: where nobody reads them they are lost.
        """
        with self._lock:
            self._tell_hidden()
            self._waiting.put(None)
        self._closing.set()
        self._writer.join(FLUSH)

    def _work(self) -> None:
        while (line := self._waiting.get()) is not None:
            lines = [line]
            with suppress(Empty):
                while len(lines) < LINES_AT_ONCE:
                    if (line := self._waiting.get_nowait()) is None:
                        break
                    lines.append(line)
            with suppress(OSError, ValueError):
                # Where whoever read the log is gone, serving goes on.
                self._write("\n".join(lines))
            if line is None:
                return
            if len(lines) < LINES_AT_ONCE:
                self._closing.wait(GATHER)

    def _has_room(self) -> bool:
        return self._waiting.qsize() < LINES_MAX

    def _tell_hidden(self) -> None:
        hidden, self._hidden = self._hidden, 0
        if hidden:
            self._waiting.put(self._line(events.Repeated(hidden, PERIOD)))

    def _is_too_much(self, event: events.Event) -> bool:
        if type(event) is events.Finished:
            if event.size < SMALL:
                self._counts[_SMALL] += 1
            return event.size < SMALL and self._counts[_SMALL] > SMALL_MAX
        kind = _kind(event)
        if not kind:
            return False
        if self._counts[kind[:1]] >= KIND_MAX:
            return True
        self._counts[kind] += 1
        if self._counts[kind] > REPEATS_MAX:
            return True
        self._counts[kind[:1]] += 1
        return False


def _kind(event: events.Event) -> tuple[str, ...]:
    """What makes two lines repetitions of each other; empty: never held back."""
    match event:
        case events.RequestRefused(protocol, client, _, reason):
            return ("refused", protocol, client, reason)
        case events.Dropped(protocol, client, reason):
            return ("dropped", protocol, client, reason)
        case events.Failed(protocol, client, _, _, _, reason):
            return ("failed", protocol, client, reason)
        case events.NotReceived(protocol, client, _, _, _, reason):
            return ("not received", protocol, client, reason)
        case events.Fault(protocol, error):
            return ("fault", protocol, type(error).__name__)
        case events.Unbootable(mac, _, reason):
            return ("unbootable", mac, reason)
        case events.Rival(server):
            return ("rival", server)
        case events.Offered(mac):
            return ("offered", mac)
        case events.Leased(mac, message=message):
            return ("leased", mac, message)
        case events.Released(mac):
            return ("released", mac)
        case events.Conflict(_, mac):
            return ("conflict", mac)
        case events.LeaseTrouble(reason):
            return ("lease trouble", reason)
        case events.BootStopped(client, stage):
            return ("stopped", client, stage)
        case events.Probed(_, client, name):
            return ("probed", client, name)
        case _:
            return ()
