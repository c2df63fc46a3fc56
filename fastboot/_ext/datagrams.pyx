# cython: language_level=3
"""Many datagrams by one call of recvmmsg(2); `outbox` is for what leaves."""

import socket
import struct

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from fastboot._ext.names cimport name_init, name_peer, sockaddr_storage
from fastboot._ext.uio cimport iovec

cdef extern from "<sys/syscall.h>" nogil:
    long SYS_recvfrom
    long SYS_recvmmsg

cdef extern from "<unistd.h>" nogil:
    long syscall(long number, ...)

# The C library makes each of its own a point where a thread can be cancelled. What that
# takes to prepare and to undo is a twentieth of what a small datagram costs. Some more
# is saved where a single one needs no description of messages.


cdef int _recvmmsg(int fd, mmsghdr* messages, unsigned int count) noexcept nogil:
    return syscall(SYS_recvmmsg, fd, messages, count, MSG_DONTWAIT, NULL)


cdef int _receive_one(int fd, mmsghdr* message) noexcept nogil:
    """The same for one datagram of a socket that sends no control messages."""
    cdef msghdr* head = &message.msg_hdr
    cdef long got = syscall(
        SYS_recvfrom, fd, head.msg_iov.iov_base, head.msg_iov.iov_len, MSG_DONTWAIT,
        head.msg_name, &head.msg_namelen,
    )
    if got < 0:
        return -1
    message.msg_len = got
    head.msg_controllen = 0
    return 1


cdef int inbox_init(Inbox* inbox) except -1:
    cdef int n
    inbox.messages = <mmsghdr*>calloc(IN_MAX, sizeof(mmsghdr))
    inbox.pieces = <iovec*>calloc(IN_MAX, sizeof(iovec))
    inbox.data = <uint8_t*>malloc(IN_MAX * DATAGRAM)
    inbox.controls = <uint8_t*>malloc(IN_MAX * CONTROL_MAX)
    inbox.names = <sockaddr_storage*>calloc(IN_MAX, sizeof(sockaddr_storage))
    if not (
        inbox.messages and inbox.pieces and inbox.data and inbox.controls
        and inbox.names
    ):
        raise MemoryError
    for n in range(IN_MAX):
        inbox.pieces[n].iov_base = inbox.data + n * DATAGRAM
        inbox.pieces[n].iov_len = DATAGRAM
        inbox.messages[n].msg_hdr.msg_iov = &inbox.pieces[n]
        inbox.messages[n].msg_hdr.msg_iovlen = 1
        inbox.messages[n].msg_hdr.msg_name = &inbox.names[n]
        inbox.messages[n].msg_hdr.msg_control = inbox.controls + n * CONTROL_MAX
    for n in range(USUAL_MAX):
        inbox.usual[n].bare = -1
    return 0


cdef void inbox_free(Inbox* inbox) noexcept nogil:
    free(inbox.messages)
    free(inbox.pieces)
    free(inbox.data)
    free(inbox.controls)
    free(inbox.names)


cdef void inbox_know_bare(Inbox* inbox, int fd) noexcept nogil:
    """A socket, as long as it is open, tells nothing but who sent a datagram."""
    inbox.usual[fd & (USUAL_MAX - 1)].bare = fd


cdef int inbox_receive(Inbox* inbox, int fd, bint returns) noexcept nogil:
    """Take what has come to a socket; how many datagrams, 0 also where that fails.

    To look in vain for one more costs nearly as much as one that is there: who
    `returns` as soon as the rest is reported again gets about as many as usually come,
    others as many as there are.
    """
    cdef int n, count
    cdef Usual* usual = &inbox.usual[fd & (USUAL_MAX - 1)]
    cdef int most = usual.count + 1 if returns else <int>IN_MAX
    cdef bint one = most == 1 and usual.bare == fd
    for n in range(most):
        inbox.messages[n].msg_hdr.msg_namelen = sizeof(sockaddr_storage)
        inbox.messages[n].msg_hdr.msg_controllen = CONTROL_MAX
    if one:
        count = _receive_one(fd, inbox.messages)
    else:
        count = _recvmmsg(fd, inbox.messages, most)
    if not returns:
        return max(count, 0)
    if count < most:
        usual.full = 0
        usual.count -= most > 1
    else:
        usual.full += 1
        if most > 1 or usual.full == FULL_MAX:
            usual.full = 0
            usual.count = min(most * 2, <int>IN_MAX) - 1
    return max(count, 0)


cdef list inbox_ancillary(Inbox* inbox, int index):
    """The control messages of a datagram, as `socket.recvmsg` gives them."""
    cdef msghdr* message = &inbox.messages[index].msg_hdr
    cdef cmsghdr* part = CMSG_FIRSTHDR(message)
    cdef list found = []
    while part != NULL:
        data = PyBytes_FromStringAndSize(
            <char*>CMSG_DATA(part), part.cmsg_len - CMSG_LEN(0)
        )
        found.append((part.cmsg_level, part.cmsg_type, data))
        part = CMSG_NXTHDR(message, part)
    return found


cdef int inbox_origin(Inbox* inbox, int index, uint8_t* out) noexcept nogil:
    """Write what tells where a datagram came to, in `ORIGIN_MAX` bytes at the most.

    Returns:
        The bytes written; below 0: its control messages are not as expected.
    """
    cdef msghdr* message = &inbox.messages[index].msg_hdr
    cdef cmsghdr* part = CMSG_FIRSTHDR(message)
    cdef size_t size = 0
    memcpy(out, &inbox.names[index].ss_family, 2)
    if part == NULL:
        return 2
    size = part.cmsg_len - CMSG_LEN(0)
    if size > CONTROL_MAX or CMSG_NXTHDR(message, part) != NULL:
        return -1
    memcpy(out + 2, &part.cmsg_level, 4)
    memcpy(out + 6, &part.cmsg_type, 4)
    memcpy(out + 10, CMSG_DATA(part), size)
    return 10 + size


cdef bytes origin_of(peer, tuple ancillary):
    """The same for a peer and the control messages of what it sent."""
    family = struct.pack("=H", socket.AF_INET if len(peer) == 2 else socket.AF_INET6)
    return family + b"".join(
        struct.pack("=ii", level, kind) + data for level, kind, data in ancillary
    )


cdef object inbox_peer(Inbox* inbox, int index):
    """The sender's address and port, as the socket module writes them."""
    return name_peer(&inbox.names[index])


cdef bytes inbox_bytes(Inbox* inbox, int index):
    return PyBytes_FromStringAndSize(
        <char*>inbox.pieces[index].iov_base, inbox.messages[index].msg_len
    )


cdef int address_init(Address* address, peer, list ancillary) except -1:
    """Where to send to, and where from."""
    cdef msghdr message
    cdef cmsghdr* part
    cdef bytes raw
    memset(address, 0, sizeof(Address))
    address.size = name_init(&address.name, peer)
    for level, kind, raw in ancillary:
        if CMSG_SPACE(len(raw)) + CMSG_SPACE(sizeof(uint16_t)) > CONTROL_MAX:
            raise ValueError("the control message is too long")
        message.msg_control = address.control
        message.msg_controllen = CONTROL_MAX
        part = CMSG_FIRSTHDR(&message)
        part.cmsg_level = level
        part.cmsg_type = kind
        part.cmsg_len = CMSG_LEN(len(raw))
        memcpy(CMSG_DATA(part), PyBytes_AS_STRING(raw), len(raw))
        address.control_size = CMSG_SPACE(len(raw))
        break
    return 0
