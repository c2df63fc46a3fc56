from fastboot._ext.datagrams cimport Inbox
from fastboot._ext.tftp_running cimport Running

cdef class Inlet:
    cdef bint asked       # Python is to decide on a datagram
    cdef Inbox _inbox
    cdef Running _running
    cdef object _ports
    cdef dict _arrivals   # by the control messages that tell of them
    cdef dict _origins    # the other way round

    cdef int receive(self, int fd, bint returns) noexcept nogil
    cdef int know_bare(self, fds) except -1
    cdef object ancillary(self, came)

    cdef bint _take_ack(self, int fd, int n) noexcept nogil
    cdef bint _take_known(self, int fd, int n) noexcept nogil
    cdef void _take_other(self, int fd, int n) noexcept
    cdef object _arrival(self, int n)
