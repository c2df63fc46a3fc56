from libc.stdint cimport int64_t, uint8_t, uint64_t

from fastboot._ext.datagrams cimport Address
from fastboot._ext.names cimport sockaddr_storage
from fastboot._ext.tftp_frames cimport Image, Source
from fastboot._ext.tftp_transfer cimport Machine
from fastboot._ext.wheel cimport Node

cdef enum:
    BUCKETS = 8192

cdef struct Transfer:
    Node timer  # first, so that a timer's node is its transfer
    Machine machine
    Source source
    Image* image
    Address address
    Transfer* chain  # of the hash table
    Transfer* over   # of the list of those that have ended
    bint is_over
    Transfer* stuck  # of the list of those whose packets the socket had no room for
    bint is_stuck
    int64_t unsent   # the first block that is still to be sent, if it waits
    bint is_cold     # a part of its file is being read
    int fd
    bint in_python   # a Python sender does what the machine would
    uint64_t hash
    const uint8_t* oack
    size_t oack_size
    int segments     # packets in one message; 1: nothing is to be cut
    int failure
    double began
    double moved
    void* recipe     # by which it began without Python; or NULL
    int fresh        # its place among those that Python does not know of yet
    void* entry      # what Python keeps of it; touched with the GIL only

cdef struct Table:
    Transfer** buckets
    uint64_t seed

cdef int table_init(Table* table, uint64_t seed) except -1
cdef void table_free(Table* table) noexcept nogil
cdef Transfer* table_find(
    Table* table, int fd, sockaddr_storage* name
) noexcept nogil
cdef void table_add(Table* table, Transfer* transfer) noexcept nogil
cdef void table_remove(Table* table, Transfer* transfer) noexcept nogil
