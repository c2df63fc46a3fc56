from libc.stdint cimport uint8_t

from fastboot._ext.names cimport sockaddr_storage
from fastboot._ext.siphash cimport Key

cdef enum:
    DOORS_MAX = 64  # sockets that requests come to
    PORTS_MAX = 64  # data sockets of one

cdef struct Door:
    int fd
    int count
    int[PORTS_MAX] ports

cdef struct Caller:
    int live         # transfers
    int questions    # requests that Python still works on
    double doubted   # until then Python sees each request
    double proved    # until then it is known to hear us
    bint is_known    # it was when its first transfer of those that run was asked for

cdef class Callers:
    cdef Caller* _slots
    cdef Door* _doors
    cdef int _doors_count
    cdef Key _key
    cdef int _unconfirmed
    cdef int _transfers
    cdef int _of_one
    cdef int live  # transfers
    cdef int _questions

    cdef int port(self, int fd, sockaddr_storage* name, double now) noexcept nogil
    cdef bint welcome(
        self, sockaddr_storage* name, int unconfirmed, double now
    ) noexcept nogil
    cdef void came(self, sockaddr_storage* name) noexcept nogil
    cdef void left(self, sockaddr_storage* name) noexcept nogil
    cdef void prove(self, sockaddr_storage* name, double until) noexcept nogil
    cdef void doubt(self, sockaddr_storage* name, double until) noexcept nogil
    cdef void ask(self, sockaddr_storage* name, int more) noexcept nogil
    cdef Caller* _slot(self, sockaddr_storage* name) noexcept nogil
