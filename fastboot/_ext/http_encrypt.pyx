# cython: language_level=3, boundscheck=True, wraparound=False
# cython: freethreading_compatible=True
"""The compiled twin of `fastboot.http.encrypt.encrypt`: same results and errors.

What is in memory is read without letting go of the interpreter: it takes microseconds,
and to get it back from a thread that is at work may take milliseconds.
"""

import os
from ssl import SSLWantReadError, SSLWantWriteError

from fastboot.cold import CUT_SHORT, WINDOW, Cold
from fastboot.errors import ContentChanged

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint8_t


cdef extern from "<sys/uio.h>" nogil:
    cdef struct iovec:
        void* iov_base
        size_t iov_len
    ssize_t preadv2(int fd, iovec* pieces, int count, int64_t offset, int flags)
    int RWF_NOWAIT

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int fd, void* out, size_t size, int64_t offset)

cdef int64_t _window = WINDOW


def encrypt(write, int file, int64_t at, int64_t length, buffer, bint wait, /):
    """Send a part of a file in pieces as long as the buffer."""
    cdef uint8_t[::1] space = buffer
    cdef int64_t sent = 0, size
    try:
        while sent < length:
            size = min(length - sent, <int64_t>space.shape[0])
            _fill(file, &space[0], size, at + sent, wait)
            sent += <int64_t>write(
                buffer if size == space.shape[0] else buffer[:size]
            )
    except (Cold, SSLWantReadError, SSLWantWriteError):
        if not sent:
            raise
    return sent


cdef int _fill(
    int file, uint8_t* out, int64_t size, int64_t at, bint wait
) except -1:
    """Read a piece, all of it; see `fastboot.cold.fill`."""
    cdef int64_t got = 0
    cdef ssize_t n
    cdef int why = 0
    cdef iovec piece
    while got < size:
        if wait:
            with nogil:
                n = pread(file, out + got, size - got, at + got)
                why = errno
        else:
            piece.iov_base = out + got
            piece.iov_len = size - got
            n = preadv2(file, &piece, 1, at + got, RWF_NOWAIT)
            why = errno
        if n > 0:
            got += n
        elif n == 0:
            raise ContentChanged(CUT_SHORT)
        elif why == EINTR:
            continue
        elif wait:
            raise OSError(why, os.strerror(why))
        elif why == EAGAIN:
            raise Cold(file, at + got - (at + got) % _window)
        else:
            wait = True  # a file system that does not know the question
    return 0
