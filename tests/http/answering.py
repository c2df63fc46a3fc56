"""The machine of one connection, and a client whose requests it answers at once."""

from __future__ import annotations

from fastboot.config import HttpConfig
from fastboot.errors import NotFound, Refused, Unavailable
from fastboot.http.actions import Send, SendFile
from fastboot.http.connection import Connection
from fastboot.http.limits import NOTEWORTHY
from fastboot.tree import Blob

HEAD_TIMEOUT, IDLE_TIMEOUT, STALL_TIMEOUT = 15.0, 75.0, 120.0
MIN_RATE = 1000
CONFIG = HttpConfig(
    head_timeout=HEAD_TIMEOUT,
    idle_timeout=IDLE_TIMEOUT,
    stall_timeout=STALL_TIMEOUT,
    min_rate=MIN_RATE,
    max_requests=1000,
)
GET = b"GET /linux HTTP/1.1\r\nHost: boot\r\n\r\n"
LINUX = bytes(range(250)) * 4


class Counted(Blob):
    """A blob that knows how often it was closed."""

    __slots__ = ("closed",)
    closed: int

    def close(self):
        self.closed += 1
        super().close()


class Peer:
    """A client of one connection: what it sends is answered at once."""

    def __init__(self, now=0.0, config=CONFIG):
        self.events = []
        self.opened = []
        self.blobs = []
        self.machine = Connection(
            config,
            self.open,
            self.events.append,
            lambda: 1_800_000_000.0,
            client="192.0.2.7",
            server="192.0.2.1",
            now=now,
        )

    def open(self, name, client):
        """The tree: /linux, /disk (large), /later, /secret (refused) and /broken."""
        self.opened.append((name, client))
        if name == "/later":
            return object()  # stands for what will bring it
        if name == "/secret":
            raise Refused("the name leads out of the folder")
        if name == "/broken":
            raise Unavailable("cannot be opened: Input/output error")
        if name == "/disk":
            blob = Counted(size=NOTEWORTHY * 4, etag='"d"')
        elif name == "/linux":
            blob = Counted(size=len(LINUX), etag='"l"', data=LINUX)
        else:
            raise NotFound("no such file")
        blob.closed = 0
        self.blobs.append(blob)
        return blob

    def ask(self, data, now=0.0):
        """Send `data` and take all answers: the bytes sent, and what else was done."""
        return self.take(self.machine.receive(data, now), now)

    def take(self, actions, now=0.0):
        """Carry out actions until the machine waits."""
        out, rest = b"", []
        while actions:
            for action in actions:
                if isinstance(action, Send):
                    out += action.data
                    self.machine.taken(len(action.data), now, content=False)
                elif isinstance(action, SendFile):
                    out += action.blob.read(action.offset, action.length)
                    self.machine.taken(action.length, now, content=True)
                else:
                    rest.append(action)
            actions = self.machine.sent(now)
        return out, rest

    def all_closed_once(self):
        return all(blob.closed == 1 for blob in self.blobs)


def statuses(out):
    """The status codes of the answers in a stream of heads without bodies."""
    return [int(line[9:12]) for line in out.split(b"\r\n") if line[:5] == b"HTTP/"]
