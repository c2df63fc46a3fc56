"""One connection's socket: what its machine asks for, done without waiting."""

from __future__ import annotations

import errno
import os
import socket
from collections import deque

from fastboot.errors import ContentChanged
from fastboot.poller import READ
from fastboot.tree import Blob

from .connection import Action, Connection, Send, SendFile

COPY = 256 << 10
"""Bytes read at once where sendfile(2) cannot be used."""

_NO_SENDFILE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_MSG_MORE = getattr(socket, "MSG_MORE", 0)


class Link:
    """A connection's socket, its machine, and what is still to be done for it."""

    __slots__ = ("busy", "fd", "interest", "machine", "queue", "sendfile", "sock")

    def __init__(self, sock: socket.socket, machine: Connection) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.machine = machine
        self.queue: deque[Action] = deque()
        self.interest = READ
        self.busy = False  # as its engine counts it
        self.sendfile = hasattr(os, "sendfile")

    def send(self, action: Send) -> int:
        """Send what there is room for, held back if more is to come right after it."""
        flags = _MSG_MORE if len(self.queue) > 1 else 0
        count = self.sock.send(action.data, flags)
        if count < len(action.data):
            self.queue[0] = Send(memoryview(action.data)[count:])
        else:
            self.queue.popleft()
        return count

    def send_file(self, action: SendFile, share: int) -> int:
        """Send what there is room for, `share` bytes at the most.

        Raises:
            ContentChanged: The file is not what it was when the answer began.
        """
        length = min(action.length, share)
        if length == action.length:
            action.blob.check()
        count = self._copy(action.blob, action.offset, length)
        if not count:
            raise ContentChanged("the file was cut short while it was read")
        if count < action.length:
            offset, length = action.offset + count, action.length - count
            self.queue[0] = SendFile(action.blob, offset, length)
        else:
            self.queue.popleft()
        return count

    def _copy(self, blob: Blob, offset: int, length: int) -> int:
        if self.sendfile and blob.fd is not None:
            try:
                return os.sendfile(self.fd, blob.fd, blob.offset + offset, length)
            except OSError as error:
                if error.errno not in _NO_SENDFILE:
                    raise
                self.sendfile = False  # a file system that has none, as some FUSE
        return self.sock.send(blob.read(offset, min(length, COPY)))
