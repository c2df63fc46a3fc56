# cython: language_level=3
"""Many datagrams by one call of recvmmsg(2); `outbox` is for what leaves."""

import socket
import struct

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset, strlen

cdef extern from "<sys/socket.h>" nogil:
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    cmsghdr* CMSG_FIRSTHDR(msghdr* message)
    cmsghdr* CMSG_NXTHDR(msghdr* message, cmsghdr* part)
    uint8_t* CMSG_DATA(cmsghdr* part)
    size_t CMSG_LEN(size_t length)
    size_t CMSG_SPACE(size_t length)
    int AF_INET
    int MSG_DONTWAIT

cdef extern from "<sys/syscall.h>" nogil:
    long SYS_recvfrom
    long SYS_recvmmsg

cdef extern from "<unistd.h>" nogil:
    long syscall(long number, ...)

cdef extern from "<netinet/in.h>" nogil:
    struct in_addr:
        uint32_t s_addr
    struct in6_addr:
        uint8_t* s6_addr
    struct sockaddr_in:
        uint16_t sin_family
        uint16_t sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        uint16_t sin6_family
        uint16_t sin6_port
        uint32_t sin6_flowinfo
        in6_addr sin6_addr
        uint32_t sin6_scope_id
    uint16_t htons(uint16_t value)
    uint16_t ntohs(uint16_t value)
    uint32_t htonl(uint32_t value)
    uint32_t ntohl(uint32_t value)

cdef extern from "<arpa/inet.h>" nogil:
    const char* inet_ntop(int family, const void* address, char* out, unsigned int size)

cdef enum:
    ADDRESS_MAX = 46  # characters of the longest address, and a NUL


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


cdef object name_peer(sockaddr_storage* name):
    """A peer's address and port, as the socket module writes them."""
    cdef sockaddr_in6* ipv6 = <sockaddr_in6*>name
    if name.ss_family == AF_INET:
        return (name_address(name), name_port(name))
    return (
        name_address(name), name_port(name), ntohl(ipv6.sin6_flowinfo),
        ipv6.sin6_scope_id,
    )


cdef str name_address(sockaddr_storage* name):
    """A peer's address, as the socket module writes it."""
    cdef char[ADDRESS_MAX] text
    cdef const void* address = &(<sockaddr_in6*>name).sin6_addr
    if name.ss_family == AF_INET:
        address = &(<sockaddr_in*>name).sin_addr
    inet_ntop(name.ss_family, address, text, ADDRESS_MAX)
    return PyUnicode_DecodeASCII(text, strlen(text), NULL)


cdef int name_port(sockaddr_storage* name) noexcept nogil:
    """A peer's port."""
    return ntohs((<sockaddr_in*>name).sin_port)  # where IPv6 has it, too


cdef bytes inbox_bytes(Inbox* inbox, int index):
    return PyBytes_FromStringAndSize(
        <char*>inbox.pieces[index].iov_base, inbox.messages[index].msg_len
    )


cdef uint64_t _mix(uint64_t value) noexcept nogil:
    value ^= value >> 33
    value *= <uint64_t>0xFF51AFD7ED558CCD
    value ^= value >> 33
    value *= <uint64_t>0xC4CEB9FE1A85EC53
    return value ^ (value >> 33)


cdef uint64_t name_hash(sockaddr_storage* name, uint64_t seed) noexcept nogil:
    """A number for a peer; one who does not know the seed cannot make it collide."""
    cdef sockaddr_in* ipv4 = <sockaddr_in*>name
    cdef sockaddr_in6* ipv6 = <sockaddr_in6*>name
    cdef uint64_t[2] halves
    cdef uint64_t value
    if name.ss_family == AF_INET:
        value = <uint64_t>ipv4.sin_port << 32 | ipv4.sin_addr.s_addr
        return _mix(_mix(seed) ^ value)
    memcpy(halves, &ipv6.sin6_addr, 16)
    value = <uint64_t>ipv6.sin6_port << 32 | ipv6.sin6_scope_id
    return _mix(_mix(_mix(_mix(seed) ^ value) ^ halves[0]) ^ halves[1])


cdef bint name_equal(sockaddr_storage* one, sockaddr_storage* other) noexcept nogil:
    """Whether two names are one peer's."""
    cdef sockaddr_in* a4 = <sockaddr_in*>one
    cdef sockaddr_in* b4 = <sockaddr_in*>other
    cdef sockaddr_in6* a6 = <sockaddr_in6*>one
    cdef sockaddr_in6* b6 = <sockaddr_in6*>other
    if one.ss_family != other.ss_family:
        return False
    if one.ss_family == AF_INET:
        return a4.sin_port == b4.sin_port and a4.sin_addr.s_addr == b4.sin_addr.s_addr
    return (
        a6.sin6_port == b6.sin6_port
        and a6.sin6_scope_id == b6.sin6_scope_id
        and memcmp(&a6.sin6_addr, &b6.sin6_addr, 16) == 0
    )


cdef int address_init(Address* address, peer, list ancillary) except -1:
    """Where to send to, and where from."""
    cdef sockaddr_in* ipv4 = <sockaddr_in*>&address.name
    cdef sockaddr_in6* ipv6 = <sockaddr_in6*>&address.name
    cdef msghdr message
    cdef cmsghdr* part
    cdef bytes raw
    memset(address, 0, sizeof(Address))
    if len(peer) == 2:
        raw = socket.inet_aton(peer[0])
        ipv4.sin_family = AF_INET
        ipv4.sin_port = htons(peer[1])
        memcpy(&ipv4.sin_addr, PyBytes_AS_STRING(raw), 4)
        address.size = sizeof(sockaddr_in)
    else:
        raw = socket.inet_pton(socket.AF_INET6, peer[0])
        ipv6.sin6_family = socket.AF_INET6
        ipv6.sin6_port = htons(peer[1])
        ipv6.sin6_flowinfo = htonl(peer[2])
        ipv6.sin6_scope_id = peer[3]
        memcpy(&ipv6.sin6_addr, PyBytes_AS_STRING(raw), 16)
        address.size = sizeof(sockaddr_in6)
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
