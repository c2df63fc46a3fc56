# cython: language_level=3
"""How answers leave: heads written, files sent; the front's other half."""

import time

from fastboot.cold import WINDOW
from fastboot.http.dates import write_date
from fastboot.http.outlet import SMALL
from fastboot.http.recall import ANSWER_HEAD_MAX

from libc.errno cimport EAGAIN, EINTR, EINVAL, ENOSYS, EOPNOTSUPP, errno
from libc.stdint cimport int64_t, uint8_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fastboot._ext.epoll cimport EPOLLIN
from fastboot._ext.clock cimport CLOCK_REALTIME_COARSE, clock_gettime, timespec
from fastboot._ext.http_kept cimport File, Recipe
from fastboot._ext.http_links cimport Link
from fastboot._ext.state cimport is_rewritten
from fastboot._ext.uio cimport RWF_NOWAIT, iovec, pread, preadv2

cdef extern from "<sys/sendfile.h>" nogil:
    ssize_t sendfile(int out_fd, int in_fd, int64_t* offset, size_t count)

cdef extern from "<sys/socket.h>" nogil:
    ssize_t c_send "send" (int fd, const void* data, size_t size, int flags)
    int MSG_NOSIGNAL

cdef extern from "<linux/sockios.h>" nogil:
    int SIOCOUTQ

cdef extern from "<sys/ioctl.h>" nogil:
    int ioctl(int fd, unsigned long request, void* about)

cdef enum:
    COPY = 64 << 10  # bytes read at once where sendfile(2) cannot be used
    NUMBERS = 128    # bytes that a part's length and range take in a head

cdef int64_t _small = SMALL
cdef int64_t _window = WINDOW
cdef size_t _out_size = max(SMALL, COPY) + ANSWER_HEAD_MAX + DATE_MAX + NUMBERS


cdef class Outlet:
    """Sends what is under way on connections.

    Args:
        wall_clock: Seconds since the epoch, for Date.
    """

    def __cinit__(self):
        self._out = <uint8_t*>malloc(_out_size)
        if not self._out:
            raise MemoryError

    def __dealloc__(self):
        free(self._out)

    def __init__(self, wall_clock):
        self._wall_clock = wall_clock
        self._own_clock = wall_clock is time.time
        self._second = -1

    cdef int look_at_clock(self) except -1:
        cdef int64_t second
        if not self._own_clock:
            second = int(self._wall_clock())
            if second != self._second:
                self._write_date(second)
        return 0

    cdef int64_t send(self, Link* link, int64_t share, int* failure) noexcept nogil:
        """Send what there is room for, `share` bytes at the most; how many it was.

        `failure` is EAGAIN where the peer or, with `cold`, the file is waited for; what
        else it is says why the answer cannot be completed.
        """
        cdef int64_t sent = 0, count
        if not link.begun:
            sent = self._send_first(link, failure)
        elif link.head != NULL:
            sent = self._send_head(link, failure)
        while not failure[0] and link.left and link.head == NULL and sent < share:
            count = self._send_file(link, share - sent, failure)
            sent += count
            link.offset += count
            link.left -= count
        return sent

    cdef void _write_date(self, int64_t second) noexcept:
        cdef bytes text = write_date(second).encode()
        self._second = second
        self._date_size = min(<size_t>len(text), <size_t>DATE_MAX)
        memcpy(self._date, <const char*>text, self._date_size)

    cdef size_t _write_head(self, Link* link) noexcept nogil:
        """Write the answer's head; see `fastboot.http.recall.Recipe.head`."""
        cdef Recipe* recipe = link.recipe
        cdef uint8_t* at = self._out
        cdef timespec now
        if self._own_clock:
            clock_gettime(CLOCK_REALTIME_COARSE, &now)
            if now.tv_sec != self._second:
                with gil:
                    self._write_date(now.tv_sec)
        at = _put(at, recipe.pieces[0], recipe.sizes[0])
        at = _put(at, <const uint8_t*>self._date, self._date_size)
        at = _put(at, recipe.pieces[1], recipe.sizes[1])
        if recipe.ranged:
            at += snprintf(
                <char*>at, NUMBERS, b"%lld\r\nContent-Range: bytes %lld-%lld",
                <long long>link.length, <long long>link.offset,
                <long long>(link.offset + link.length - 1),
            )
            at = _put(at, recipe.pieces[2], recipe.sizes[2])
        return at - self._out

    cdef int64_t _send_first(self, Link* link, int* failure) noexcept nogil:
        """Send the head, with the body if it is small; see the Python twin."""
        cdef size_t head = self._write_head(link), size = head
        cdef ssize_t n
        if link.length <= _small:
            n = _read_warm(link, self._out + head, failure)
            if failure[0]:
                return 0
            if n < link.length:
                failure[0] = errno if n < 0 else CUT_SHORT
                return 0
            # Who did not have to wait was found by the file's state a moment ago.
            if link.interest != EPOLLIN and not _is_same(link, failure):
                return 0
            size += n
        link.begun = True
        n = c_send(link.fd, self._out, size, MSG_NOSIGNAL)
        if n < 0:
            if errno != EAGAIN and errno != EINTR:
                failure[0] = errno
                return 0
            n = 0
        if <size_t>n < head:
            failure[0] = _keep_head(link, self._out + n, head - n)
            return n
        link.offset += n - head
        link.left -= n - head
        return n

    cdef int64_t _send_head(self, Link* link, int* failure) noexcept nogil:
        """Send what is left of the head."""
        cdef ssize_t n = c_send(
            link.fd, link.head + link.head_at, link.head_size, MSG_NOSIGNAL
        )
        if n < 0:
            failure[0] = EAGAIN if errno == EINTR else errno
            return 0
        link.head_at += n
        link.head_size -= n
        if link.head_size == 0:
            free(link.head)
            link.head = NULL
        return n

    cdef int64_t _send_file(
        self, Link* link, int64_t most, int* failure
    ) noexcept nogil:
        cdef File* file = link.recipe.file
        cdef int64_t at = file.offset + link.offset
        cdef ssize_t n
        most = min(link.left, most, _window - at % _window)
        if not _is_warm(link, at, most):
            failure[0] = EAGAIN
            return 0
        # A rewrite is noticed before the last bytes make the answer complete.
        if most == link.left and not _is_same(link, failure):
            return 0
        n = sendfile(link.fd, file.fd, &at, most)
        if n < 0 and (errno == EINVAL or errno == ENOSYS or errno == EOPNOTSUPP):
            # Some file systems in user space have none.
            most = min(most, <int64_t>COPY)
            n = pread(file.fd, self._out, most, at)
            if n > 0:
                n = c_send(link.fd, self._out, n, MSG_NOSIGNAL)
        if n < 0:
            failure[0] = EAGAIN if errno == EINTR else errno
            return 0
        if n == 0:
            failure[0] = CUT_SHORT
        elif n < most:
            failure[0] = EAGAIN  # there is no room for more: not to be asked again
        return n


cdef bint _is_same(Link* link, int* failure) noexcept nogil:
    """Whether the file is what it was, as far as it is sent; see `Blob.check`."""
    cdef File* file = link.recipe.file
    cdef int64_t end = file.offset + link.recipe.size
    cdef int rewritten = is_rewritten(file.fd, file.state.mtime_ns, end)
    if rewritten:
        failure[0] = errno if rewritten < 0 else REWRITTEN
    return not failure[0]


cdef ssize_t _read_warm(Link* link, uint8_t* out, int* failure) noexcept nogil:
    """Read the whole of a small body, by one call where it is in memory."""
    cdef int fd = link.recipe.file.fd
    cdef int64_t at = link.recipe.file.offset + link.offset
    cdef iovec piece
    cdef ssize_t n
    piece.iov_base = out
    piece.iov_len = link.length
    n = preadv2(fd, &piece, 1, at, RWF_NOWAIT)
    if n < link.length:  # cold, or shorter now, or nobody can tell
        if not _is_warm(link, at, link.length):
            failure[0] = EAGAIN
            return 0
        n = pread(fd, out, link.length, at)
    link.warmed = False
    return n


cdef int64_t unacknowledged(int fd) noexcept nogil:
    """Bytes that were sent and that the peer has not acknowledged yet.

    Of the ways to know what it has, this takes half the time; see
    `fastboot.http.peer.acknowledged`.
    """
    cdef int count = 0
    ioctl(fd, SIOCOUTQ, &count)
    return count


cdef bint _is_warm(Link* link, int64_t at, int64_t length) noexcept nogil:
    """Whether a part of the file is in memory; see `fastboot.cold`.

    Where it follows on what was there, only its end is looked at: what is read in order
    is read ahead.
    """
    cdef int fd = link.recipe.file.fd
    if (
        link.warmed
        or (at <= link.warm_to or _is_there(fd, at)) and _is_there(fd, at + length - 1)
    ):
        link.warmed = False
        link.warm_to = at + length
        return True
    link.cold, link.cold_at = True, at
    return False


cdef bint _is_there(int fd, int64_t at) noexcept nogil:
    """Whether a byte of a file is in memory, or the file system cannot tell."""
    cdef uint8_t byte
    cdef iovec piece
    piece.iov_base = &byte
    piece.iov_len = 1
    return preadv2(fd, &piece, 1, at, RWF_NOWAIT) >= 0 or errno != EAGAIN


cdef inline uint8_t* _put(
    uint8_t* at, const uint8_t* data, size_t size
) noexcept nogil:
    memcpy(at, data, size)
    return at + size


cdef int _keep_head(Link* link, const uint8_t* data, size_t size) noexcept nogil:
    """Keep what is left of a head; EAGAIN, since there is no room for more."""
    link.head = <uint8_t*>malloc(size)
    if link.head == NULL:
        return CUT_SHORT
    memcpy(link.head, data, size)
    link.head_at, link.head_size = 0, size
    return EAGAIN
