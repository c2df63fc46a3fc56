from fastboot._ext.datagrams cimport Address, mmsghdr
from fastboot._ext.uio cimport iovec
from libc.stdint cimport int64_t, uint8_t

cdef enum:
    OUT_MAX = 128      # messages sent by one call
    PIECES_MAX = 1024  # of memory they consist of

cdef struct Outbox:
    int fd  # all messages leave by one socket
    int count
    int pieces_count
    mmsghdr* messages
    iovec* pieces
    uint8_t* controls
    void** owners
    int64_t* firsts  # the block with which each message begins
    int* segments    # bytes of the packets it is to be cut into; 0: it is one packet
    bint cut_failed  # some message could not be cut, and went out packet by packet
    uint8_t* failed  # which

cdef int outbox_init(Outbox* outbox) except -1
cdef void outbox_free(Outbox* outbox) noexcept nogil
cdef bint outbox_has_room(Outbox* outbox, int fd, int pieces) noexcept nogil
cdef void outbox_begin(
    Outbox* outbox, int fd, Address* to, int segment, void* owner, int64_t first
) noexcept nogil
cdef void outbox_piece(Outbox* outbox, const uint8_t* data, size_t size) noexcept nogil
cdef int outbox_flush(Outbox* outbox) noexcept nogil
