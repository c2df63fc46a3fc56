# cython: language_level=3
"""Twin of `fastboot.tftp.receive.Receiver`, for clients: many blocks by one call.

What nearly all datagrams are, the next block in order and of full length, is taken
here without Python: recvmmsg(2), in messages that the kernel has joined (UDP_GRO,
udp(7)), an ACK for each window, and one writev(2) or a copy for all of them. The first
one that is anything else, and those behind it, go to the Python machine as if they had
come one by one: there are no second rules for gaps, repetitions and ends.

`Store` is the twin of `fastboot.tftp.landing.Pieces`.
"""

from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from fastboot._ext.datagrams cimport (
    CMSG_DATA,
    CMSG_FIRSTHDR,
    CMSG_NXTHDR,
    MSG_DONTWAIT,
    Address,
    Inbox,
    address_init,
    cmsghdr,
    inbox_peer,
    mmsghdr,
    msghdr,
)
from fastboot._ext.names cimport name_equal, sockaddr, sockaddr_storage
from fastboot._ext.uio cimport iovec, writev

from fastboot.tftp import receive

cdef extern from "<sys/socket.h>" nogil:
    int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, void* timeout)
    ssize_t sendto(
        int fd, const void* data, size_t size, int flags,
        const sockaddr* to, unsigned length
    )

cdef enum:
    SOL_UDP = 17
    UDP_GRO = 104
    BATCH = 16           # messages taken by one call
    LENGTH = 65536       # bytes of the longest
    CONTROL = 64         # bytes of its control messages
    PIECES = 1024        # blocks taken at once, as many as writev takes (IOV_MAX)
    SPARE_MAX = 4
    HEAD = 4             # bytes before a block's own
    STORE_FIRST = 65536


cdef class Basket:
    """The memory of one batch. Nobody has one between two calls, so few are enough."""

    cdef Inbox inbox
    cdef iovec* pieces  # the blocks' own bytes, in order
    cdef int count

    def __cinit__(self):
        cdef int n
        self.inbox.messages = <mmsghdr*>calloc(BATCH, sizeof(mmsghdr))
        self.inbox.pieces = <iovec*>calloc(BATCH, sizeof(iovec))
        self.inbox.data = <uint8_t*>malloc(BATCH * LENGTH)
        self.inbox.controls = <uint8_t*>malloc(BATCH * CONTROL)
        self.inbox.names = <sockaddr_storage*>calloc(BATCH, sizeof(sockaddr_storage))
        self.pieces = <iovec*>malloc(PIECES * sizeof(iovec))
        if not (
            self.inbox.messages and self.inbox.pieces and self.inbox.data
            and self.inbox.controls and self.inbox.names and self.pieces
        ):
            raise MemoryError
        for n in range(BATCH):
            self.inbox.pieces[n].iov_base = self.inbox.data + n * LENGTH
            self.inbox.pieces[n].iov_len = LENGTH
            self.inbox.messages[n].msg_hdr.msg_iov = &self.inbox.pieces[n]
            self.inbox.messages[n].msg_hdr.msg_iovlen = 1
            self.inbox.messages[n].msg_hdr.msg_name = &self.inbox.names[n]
            self.inbox.messages[n].msg_hdr.msg_control = (
                self.inbox.controls + n * CONTROL
            )

    def __dealloc__(self):
        free(self.inbox.messages)
        free(self.inbox.pieces)
        free(self.inbox.data)
        free(self.inbox.controls)
        free(self.inbox.names)
        free(self.pieces)

    cdef int collect(self, int fd) noexcept nogil:
        """Take what has come; how many messages, below 0: minus the error's number."""
        cdef int n, count
        for n in range(BATCH):
            self.inbox.messages[n].msg_hdr.msg_namelen = sizeof(sockaddr_storage)
            self.inbox.messages[n].msg_hdr.msg_controllen = CONTROL
        self.count = 0
        count = recvmmsg(fd, self.inbox.messages, BATCH, MSG_DONTWAIT, NULL)
        if count >= 0:
            return count
        return 0 if errno == EAGAIN or errno == EINTR else -errno

    cdef int joined(self, int index) noexcept nogil:
        """Bytes of each datagram that a message was joined of, but the last."""
        cdef msghdr* message = &self.inbox.messages[index].msg_hdr
        cdef cmsghdr* part = CMSG_FIRSTHDR(message)
        cdef int size
        while part != NULL:
            if part.cmsg_level == SOL_UDP and part.cmsg_type == UDP_GRO:
                memcpy(&size, CMSG_DATA(part), sizeof(int))
                if size > 0:
                    return size
            part = CMSG_NXTHDR(message, part)
        return self.inbox.messages[index].msg_len

    cdef list rest(self, int index, int at, int count):
        """The datagrams from one on, with their senders, for Python."""
        cdef list found = []
        cdef int length, size
        cdef uint8_t* data
        while index < count:
            data = <uint8_t*>self.inbox.pieces[index].iov_base
            length = self.inbox.messages[index].msg_len
            size = self.joined(index)
            source = inbox_peer(&self.inbox, index)
            while at < length or length == 0:
                piece = PyBytes_FromStringAndSize(
                    <char*>data + at, min(size, length - at)
                )
                found.append((piece, source))
                at += size
                if length == 0:
                    break
            index += 1
            at = 0
        return found

    cdef int write(self, int fd) noexcept nogil:
        """Append the blocks to a file; 0, or the error's number."""
        cdef int first = 0
        cdef ssize_t done
        while first < self.count:
            done = writev(fd, self.pieces + first, self.count - first)
            if done < 0:
                if errno == EINTR:
                    continue
                return errno
            while first < self.count and done >= <ssize_t>self.pieces[first].iov_len:
                done -= self.pieces[first].iov_len
                first += 1
            if done:
                self.pieces[first].iov_base = (
                    <uint8_t*>self.pieces[first].iov_base + done
                )
                self.pieces[first].iov_len -= done
        return 0


cdef list _spare = []


cdef class Store:
    """Bytes that come piece by piece, in one place; see `fastboot.tftp.landing.Pieces`.

    Where the size is told before, what is taken in the end is what was written to: no
    byte is moved twice.
    """

    cdef bytes _room  # nobody else has it before `take`
    cdef int64_t _size

    def __init__(self):
        self._room = PyBytes_FromStringAndSize(NULL, 0)
        self._size = 0

    def expect(self, int64_t size):
        """Make room for so many bytes."""
        if size > PyBytes_GET_SIZE(self._room):
            self._grow(size)

    def write(self, bytes data):
        """Add bytes at the end."""
        self._reserve(PyBytes_GET_SIZE(data))
        memcpy(
            PyBytes_AS_STRING(self._room) + self._size,
            PyBytes_AS_STRING(data),
            PyBytes_GET_SIZE(data),
        )
        self._size += PyBytes_GET_SIZE(data)

    def take(self):
        """All of them; the store is empty then."""
        cdef bytes room = self._room
        cdef int64_t size = self._size
        self._room = PyBytes_FromStringAndSize(NULL, 0)
        self._size = 0
        return room if PyBytes_GET_SIZE(room) == size else room[:size]

    cdef int _reserve(self, int64_t more) except -1:
        cdef int64_t there = PyBytes_GET_SIZE(self._room)
        if self._size + more > there:
            self._grow(max(self._size + more, 2 * there, STORE_FIRST))
        return 0

    cdef int _grow(self, int64_t size) except -1:
        cdef bytes room = PyBytes_FromStringAndSize(NULL, size)
        memcpy(PyBytes_AS_STRING(room), PyBytes_AS_STRING(self._room), self._size)
        self._room = room
        return 0

    cdef int gather(self, Basket basket, int64_t size) except -1:
        cdef int n
        cdef char* to
        self._reserve(size)
        to = PyBytes_AS_STRING(self._room) + self._size
        with nogil:
            for n in range(basket.count):
                memcpy(to, basket.pieces[n].iov_base, basket.pieces[n].iov_len)
                to += basket.pieces[n].iov_len
        self._size += size
        return 0


cdef struct Course:
    # Where a transfer is, for as long as a batch takes.
    int fd
    Address peer
    int64_t expected     # the next block's number, without end
    int64_t window_from  # the first of the window that is coming in
    int acked            # ACKs sent
    int blksize
    int window
    int index            # the message and the byte where Python is to go on
    int at


cdef void _acknowledge(Course* course) noexcept nogil:
    cdef uint8_t[4] packet
    cdef uint16_t number = (course.expected - 1) & 0xFFFF
    packet[0], packet[1] = 0, 4
    packet[2], packet[3] = number >> 8, number & 0xFF
    # One that finds no room is as good as lost on the way.
    sendto(
        course.fd, packet, 4, MSG_DONTWAIT,
        <sockaddr*>&course.peer.name, course.peer.size,
    )
    course.acked += 1
    course.window_from = course.expected


cdef void _take(Course* course, Basket basket, int count) noexcept nogil:
    """Take the blocks that come in order; `index` and `at` tell where they end.

    A window is acknowledged before its blocks are written: the next one is on its way
    meanwhile, and no more than that. The kernel joins 64 datagrams, but hands on as
    many as a sender on the same machine had joined: what is more than there is room
    for is left to Python.
    """
    cdef int index, at, length, size
    cdef uint8_t* data
    cdef int whole = course.blksize + HEAD
    for index in range(count):
        course.index = index
        course.at = 0
        if not name_equal(&basket.inbox.names[index], &course.peer.name):
            return
        data = <uint8_t*>basket.inbox.pieces[index].iov_base
        length = basket.inbox.messages[index].msg_len
        size = basket.joined(index)
        if size != whole:
            return
        at = 0
        while at < length:
            course.at = at
            if (
                basket.count == PIECES
                or length - at < whole or data[at] != 0 or data[at + 1] != 3
                or (data[at + 2] << 8 | data[at + 3]) != (course.expected & 0xFFFF)
            ):
                return
            basket.pieces[basket.count].iov_base = data + at + HEAD
            basket.pieces[basket.count].iov_len = course.blksize
            basket.count += 1
            course.expected += 1
            if course.expected - course.window_from >= course.window:
                _acknowledge(course)
            at += whole
    course.index = count
    course.at = 0


class Receiver(receive.Receiver):
    """`fastboot.tftp.receive.Receiver` that takes datagrams by itself."""

    _joining = False

    def drain(self, sock, peer, double now):
        """Take what has come to a socket.

        Args:
            sock: The client's.
            peer: Whom blocks are taken from.
            now: Seconds.

        Returns:
            The datagrams that are left for Python, with their senders; what to send;
            whether there may be more; and the number of an error of the socket, or 0.
        """
        cdef Basket basket
        cdef Course course
        cdef int count
        cdef list others = []
        if not self._joining:
            self._joining = True
            try:
                sock.setsockopt(SOL_UDP, UDP_GRO, 1)
            except OSError:
                pass  # an old kernel: each datagram comes by itself
        basket = _spare.pop() if _spare else Basket()
        address_init(&course.peer, peer, [])
        course.fd = sock.fileno()
        course.expected = self._expected
        course.window_from = self._window_from
        course.acked = 0
        course.blksize = self._negotiated.blksize
        course.window = self._negotiated.windowsize
        course.index = course.at = 0
        plain = not (self.finished or self._saving or self._held)
        with nogil:
            count = basket.collect(course.fd)
        if count > 0 and plain:
            with nogil:
                _take(&course, basket, count)
        if course.index < count:
            others = basket.rest(course.index, course.at, count)
        packets = []
        if basket.count:
            self._keep(basket)
            packets = self._went_on(
                basket.count, course.window_from, course.acked, now
            )
        basket.count = 0
        if len(_spare) < SPARE_MAX:
            _spare.append(basket)
        return others, packets, count == BATCH, max(0, -count)

    def _keep(self, Basket basket):
        """Keep a batch of blocks that came in order."""
        cdef int64_t size = basket.count * <int64_t>self._negotiated.blksize
        cdef int fd, failed = 0
        content = self._content
        if content.fd is None:
            (<Store?>content.store).gather(basket, size)
        else:
            content.flush()
            fd = content.fd
            with nogil:
                failed = basket.write(fd)
        content.grew(size, failed)

    def _went_on(self, int blocks, int64_t window_from, int acked, double now):
        """Know where a batch of blocks leads."""
        self._advance(blocks, blocks * <int64_t>self._negotiated.blksize, now)
        if acked:
            self._window_from = window_from
            current = window_from == self._expected
            # Of several windows in one batch each came at once.
            for _ in range(acked - current):
                self._round_trip.measure(0.0)
            self.deadline = now + self._wait
            self._acked_at = now if current else None
        return self._fail(self._content.problem) if self._content.problem else []
