"""One connection's socket: what its machine asks for, done without waiting."""

from __future__ import annotations

import errno
import os
import socket
from collections import deque

from fastboot.cold import CUT_SHORT, Cold, Part, check_warm, within_window
from fastboot.errors import ContentChanged
from fastboot.poller import READ
from fastboot.tree import Blob

from .actions import Action, Send, SendFile
from .connection import Connection
from .peer import acknowledged, words_of

COPY = 256 << 10
"""Bytes read at once where sendfile(2) cannot be used."""

ASIDE = 256 << 10
"""Bytes that are read at once of a file that may hang: a connection holds them until
they are sent."""

_NO_SENDFILE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_MSG_MORE = getattr(socket, "MSG_MORE", 0)


def send_content(sock: socket.socket, blob: Blob, offset: int, length: int) -> int:
    """Send a part of a blob, as much as there is room for; how many bytes it was.

    Raises:
        BlockingIOError: There is no room.
        ContentChanged: The file is not what it was when it was opened.
    """
    if blob.fd is not None and hasattr(os, "sendfile"):
        try:
            count = os.sendfile(sock.fileno(), blob.fd, blob.offset + offset, length)
        except OSError as error:
            if error.errno not in _NO_SENDFILE:  # as some file systems in user space
                raise
        else:
            if not count:
                raise ContentChanged(CUT_SHORT)
            return count
    return sock.send(blob.read(offset, min(length, COPY)))


class Link:
    """A connection's socket, its machine, and what is still to be done for it.

    Attributes:
        sock: The socket.
        fd: Its descriptor.
        machine: The connection's.
        queue: What it asked for.
        interest: What the socket is watched for.
        busy: Whether a request is read or answered, as the engine counts it.
        cold: Whether a part of a file is being read for it.
        warmed: Whether it has just been, and is sent without another look.
        part: What was read of a file that may hang, and is sent from here: by the time
            it is sent the kernel may have forgotten it, or never have kept it (FUSE's
            direct I/O).
        wants: What to watch the socket for where that is not what is to be done: TLS
            reads in order to write; 0 otherwise.
    """

    __slots__ = (
        *("_acked", "_deadline", "busy", "cold", "fd", "interest", "machine", "part"),
        *("queue", "sock", "wants", "warmed"),
    )

    def __init__(self, sock: socket.socket, machine: Connection) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.machine = machine
        self.queue: deque[Action] = deque()
        self.interest = READ
        self.busy = False
        self.wants = 0
        self.cold = False
        self.warmed = False
        self.part: Part | None = None
        self._deadline = 0.0
        self._acked = 0  # what the client had acknowledged when that was set

    def deadline(self) -> float:
        """The machine's; what is acknowledged from now on counts for it if it is new."""
        due = self.machine.deadline
        if due != self._deadline:
            self._deadline = due
            if self.machine.answering:
                self._acked = acknowledged(self.sock)
        return due

    def tick(self, now: float) -> list[Action]:
        """Time has passed; see `Connection.tick`."""
        machine = self.machine
        if not machine.answering:
            return machine.tick(now)
        taken = acknowledged(self.sock) - self._acked
        return machine.tick(now, taken, cold=self.cold)

    def receive(self, size: int) -> bytes:
        """What has come, `size` bytes at the most; nothing at the end.

        Raises:
            BlockingIOError: Nothing has come.
        """
        return self.sock.recv(size)

    def shutdown(self) -> None:
        """Send no more, and say so.

        Raises:
            BlockingIOError: There is no room to say it.
        """
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, action: Send) -> int:
        """Send what there is room for, held back if more is to come right after it."""
        flags = _MSG_MORE if len(self.queue) > 1 else 0
        count = self.sock.send(action.data, flags)
        if count < len(action.data):
            self.queue[0] = Send(memoryview(action.data)[count:])
        else:
            self.queue.popleft()
        return count

    def piece(self, action: SendFile, share: int) -> int:
        """How many bytes of a file to send now, `share` at the most.

        Raises:
            Cold: They are not in memory.
            ContentChanged: The file is not what it was when the answer began.
        """
        blob, length = action.blob, min(action.length, share)
        if blob.fd is not None:
            at = blob.offset + action.offset
            length = within_window(at, length)
            if not self.warmed:
                check_warm(blob.fd, at, length)
            self.warmed = False
        if length == action.length:
            blob.check()
        return length

    def at_hand(self, action: SendFile, length: int) -> bytes | memoryview:
        """The next bytes of what is in memory of ours, or of a file that may hang.

        Raises:
            Cold: They were not read yet.
        """
        blob, at = action.blob, action.blob.offset + action.offset
        if blob.fd is None:
            return blob.read(action.offset, length)
        if self.part and (begin := at - self.part.at) in range(len(self.part.data)):
            return memoryview(self.part.data)[begin : begin + length]
        self.part = None
        raise Cold(blob.fd, at - at % ASIDE, ASIDE, of=blob.place)

    def warm(self, part: Part | OSError, now: float) -> list[Action]:
        """What it waited for has been read, or cannot be."""
        self.cold, self.warmed = False, True
        self.machine.renew(now)
        if isinstance(part, OSError):
            return self.machine.fail(words_of(part), now)
        action = self.queue[0]
        try:
            if isinstance(action, SendFile):
                action.blob.check(part.status)
                self._keep(action, part)
        except ContentChanged as error:
            return self.machine.fail(str(error), now)
        return []

    def _keep(self, action: SendFile, part: Part) -> None:
        """Have what was read of a file that may hang at hand."""
        blob = action.blob
        if blob.slow:
            if part.at + len(part.data) <= blob.offset + action.offset:
                raise ContentChanged(CUT_SHORT)
            self.part = part

    def send_file(self, action: SendFile, share: int) -> int:
        """Send what there is room for, `share` bytes at the most.

        Raises:
            Cold: It is not in memory.
            ContentChanged: The file is not what it was when the answer began.
        """
        blob = action.blob
        if blob.slow:
            count = self.sock.send(self.at_hand(action, min(share, action.length)))
        else:
            length = self.piece(action, share)
            count = send_content(self.sock, blob, action.offset, length)
        self.went(action, count)
        return count

    def went(self, action: SendFile, count: int) -> None:
        """So many bytes of a file were sent."""
        if count < action.length:
            offset, length = action.offset + count, action.length - count
            self.queue[0] = SendFile(action.blob, offset, length)
        else:
            self.part = None
            self.queue.popleft()
