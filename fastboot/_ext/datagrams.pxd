from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from fastboot._ext.names cimport sockaddr_storage
from fastboot._ext.uio cimport iovec

cdef extern from "<sys/socket.h>" nogil:
    struct msghdr:
        void* msg_name
        unsigned int msg_namelen
        iovec* msg_iov
        size_t msg_iovlen
        void* msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    cmsghdr* CMSG_FIRSTHDR(msghdr* message)
    cmsghdr* CMSG_NXTHDR(msghdr* message, cmsghdr* part)
    uint8_t* CMSG_DATA(cmsghdr* part)
    size_t CMSG_LEN(size_t length)
    size_t CMSG_SPACE(size_t length)
    int MSG_DONTWAIT

cdef enum:
    IN_MAX = 64        # datagrams received by one call
    USUAL_MAX = 256    # sockets of which it is known how many usually come
    FULL_MAX = 4       # times that one came after which there may be two
    DATAGRAM = 2048    # bytes of the longest that is looked at
    CONTROL_MAX = 96   # bytes of control messages for one
    ORIGIN_MAX = 106   # bytes that tell where a datagram came to
    SEGMENTS_MAX = 64  # packets in one message (UDP_MAX_SEGMENTS)
    MESSAGE_MAX = 65000  # bytes of one message: an IPv4 datagram, before it is cut

cdef struct Usual:
    uint8_t count  # datagrams that are taken by one call, less one
    uint8_t full   # calls in a row that found as many
    int bare       # a socket that tells nothing but who sent a datagram; below 0: none

cdef struct Inbox:
    Usual[USUAL_MAX] usual
    mmsghdr* messages
    iovec* pieces
    uint8_t* data
    uint8_t* controls
    sockaddr_storage* names

cdef struct Address:
    sockaddr_storage name
    size_t control_size  # before `control`, whose cmsghdr must be aligned like it
    uint8_t[CONTROL_MAX] control  # the address of ours to send from
    unsigned int size

cdef int inbox_init(Inbox* inbox) except -1
cdef void inbox_free(Inbox* inbox) noexcept nogil
cdef void inbox_know_bare(Inbox* inbox, int fd) noexcept nogil
cdef int inbox_receive(Inbox* inbox, int fd, bint returns) noexcept nogil
cdef list inbox_ancillary(Inbox* inbox, int index)
cdef int inbox_origin(Inbox* inbox, int index, uint8_t* out) noexcept nogil
cdef bytes origin_of(peer, tuple ancillary)
cdef object inbox_peer(Inbox* inbox, int index)
cdef bytes inbox_bytes(Inbox* inbox, int index)

cdef int address_init(Address* address, peer, list ancillary) except -1
