from libc.stdint cimport int64_t, uint8_t

from fastboot._ext.http_links cimport Link

cdef enum:
    DATE_MAX = 64
    CUT_SHORT = -1
    REWRITTEN = -2

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
