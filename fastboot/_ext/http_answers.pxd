from libc.stdint cimport int64_t, uint8_t

from fastboot._ext.http_kept cimport Kept, Recipe
from fastboot._ext.http_links cimport Link, Links
from fastboot._ext.http_outlet cimport Outlet

cdef enum:
    NEWS_MAX = 256   # answers that wait to be reported

cdef enum Verdict:
    WAITS     # for room, or for the next request
    COLD      # for a part of the file, which is to be read aside
    UNKNOWN   # what is in `rest` is for somebody else to answer
    DRAINED   # nothing is under way, and nothing more is to be answered
    BROKEN    # the answer cannot be completed; `failure` says why

cdef struct Sent:
    void* client
    Recipe* recipe
    int64_t length
    double seconds

cdef class Answers:
    cdef Links _links
    cdef Kept kept
    cdef Outlet outlet
    cdef double _idle_timeout
    cdef double stall_timeout
    cdef double _pause  # between two renewals
    cdef int64_t _max_requests
    cdef int64_t _least
    cdef Sent[NEWS_MAX] _sent
    cdef int sent_count
    cdef list _rows
    cdef bint draining
    cdef int failure
    cdef int64_t requests
    cdef int64_t sent_bytes

    cdef bint find(self, Link* link, const uint8_t* head, size_t size) noexcept nogil
    cdef Verdict advance(
        self, Link* link, const uint8_t* data, size_t size
    ) noexcept nogil
    cdef bint keep_rest(
        self, Link* link, const uint8_t* data, size_t size
    ) noexcept nogil
    cdef void await_room(self, Link* link, bint full) noexcept nogil
    cdef bint expire(self, Link* link) noexcept nogil
    cdef void renew(self, Link* link) noexcept nogil
    cdef void finish(self, Link* link) noexcept nogil
    cdef list take_rows(self)
    cdef int _write_down(self) except -1
    cdef Verdict _go_on(
        self, Link* link, const uint8_t* data, size_t size
    ) noexcept nogil
    cdef int64_t _send(self, Link* link, int64_t share) noexcept nogil
    cdef void _complete(self, Link* link) noexcept nogil
