from libc.stdint cimport int64_t, uint8_t, uint32_t

from fastboot._ext.http_kept cimport Recipe
from fastboot._ext.wheel cimport Node

cdef enum:
    DATE_MAX = 64
    CUT_SHORT = -1
    REWRITTEN = -2

cdef struct Link:
    Node timer       # first, so that a timer's node is its connection
    int fd
    bint is_up       # handed up, and not yet taken
    uint32_t interest
    int64_t requests
    Recipe* recipe   # what is being sent; NULL: nothing
    uint8_t* head    # what is left of the answer's head, and where its memory begins
    size_t head_at
    size_t head_size
    uint8_t* rest    # requests that were sent behind it
    size_t rest_size
    int64_t offset
    int64_t left
    int64_t length
    int64_t unrenewed  # bytes sent since its timer was set
    int64_t behind     # what the client had not acknowledged by then
    double began
    bint begun       # its head is sent, or kept in `head`
    bint cold        # a part of the file is being read for it
    int64_t cold_at  # where it begins
    bint warmed      # it has just been, and is sent without another look
    int64_t warm_to  # where in the file ends what was there when it was looked at

cdef int64_t unacknowledged(int fd) noexcept nogil

cdef class Outlet:
    cdef object _wall_clock
    cdef bint _own_clock
    cdef int64_t _second  # of the date
    cdef char[DATE_MAX] _date
    cdef size_t _date_size
    cdef uint8_t* _out

    cdef int look_at_clock(self) except -1
    cdef int64_t send(self, Link* link, int64_t share, int* failure) noexcept nogil
    cdef void _write_date(self, int64_t second) noexcept
    cdef size_t _write_head(self, Link* link) noexcept nogil
    cdef int64_t _send_first(self, Link* link, int* failure) noexcept nogil
    cdef int64_t _send_head(self, Link* link, int* failure) noexcept nogil
    cdef int64_t _send_file(
        self, Link* link, int64_t most, int* failure
    ) noexcept nogil
