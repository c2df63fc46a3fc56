from libc.stdint cimport int64_t, uint8_t

from fastboot._ext.outbox cimport Outbox
from fastboot._ext.tftp_pictures cimport Pictures
from fastboot._ext.tftp_table cimport Transfer
from fastboot._ext.tftp_transfer cimport Burst

cdef class Outlet:
    cdef Outbox _outbox
    cdef uint8_t* _scratch
    cdef int64_t _scratch_used
    cdef Transfer* stuck        # who waits for room, the one that waits longest first
    cdef Transfer* _stuck_last
    cdef object _poller
    cdef Pictures _pictures

    cdef bint queue(self, Transfer* transfer, Burst burst) noexcept nogil
    cdef void queue_bytes(
        self, Transfer* transfer, const uint8_t* data, size_t size, void* owner
    ) noexcept nogil
    cdef void flush(self) noexcept nogil
    cdef void stick(self, Transfer* transfer, int64_t first) noexcept nogil
    cdef void unstick(self, int fd) noexcept nogil
    cdef void forget(self, Transfer* transfer) noexcept nogil
    cdef uint8_t* _read(
        self, Transfer* transfer, int64_t first, int64_t count, int64_t* there
    ) noexcept nogil
    cdef uint8_t* _frame(
        self, Transfer* transfer, int64_t first, int64_t count
    ) noexcept nogil
    cdef void _queue_packets(
        self, Transfer* transfer, int64_t first, int64_t count, uint8_t* packets
    ) noexcept nogil
