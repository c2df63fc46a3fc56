# cython: language_level=3
"""Many messages by one call of sendmmsg(2).

A message may hold many packets for one client, which the kernel or the network card
cuts up (UDP_SEGMENT, udp(7)). Where that fails, as on cards without checksums or where
packets do not fit the MTU, the packets are sent one by one instead.
"""

from libc.errno cimport EAGAIN, EINTR, EINVAL, EIO, EMSGSIZE, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from fastboot._ext.datagrams cimport (
    CMSG_DATA, CMSG_LEN, CMSG_SPACE, CONTROL_MAX, MSG_DONTWAIT, Address, cmsghdr,
    mmsghdr, msghdr,
)
from fastboot._ext.uio cimport iovec

cdef extern from "<sys/socket.h>" nogil:
    ssize_t sendmsg(int fd, const msghdr* message, int flags)

cdef extern from "<sys/syscall.h>" nogil:
    long SYS_sendmmsg
    long SYS_sendto

cdef extern from "<unistd.h>" nogil:
    long syscall(long number, ...)

cdef enum:
    SOL_UDP = 17
    UDP_SEGMENT = 103


cdef int _sendmmsg(int fd, mmsghdr* messages, unsigned int count) noexcept nogil:
    """See the remark in `datagrams` on calls without the C library."""
    cdef msghdr* head = &messages.msg_hdr
    if count > 1 or head.msg_controllen or head.msg_iovlen != 1:
        return syscall(SYS_sendmmsg, fd, messages, count, MSG_DONTWAIT)
    if syscall(
        SYS_sendto, fd, head.msg_iov.iov_base, head.msg_iov.iov_len, MSG_DONTWAIT,
        head.msg_name, head.msg_namelen,
    ) < 0:
        return -1
    return 1


cdef int outbox_init(Outbox* outbox) except -1:
    outbox.fd = -1
    outbox.count = 0
    outbox.pieces_count = 0
    outbox.cut_failed = False
    outbox.messages = <mmsghdr*>calloc(OUT_MAX, sizeof(mmsghdr))
    outbox.pieces = <iovec*>calloc(PIECES_MAX, sizeof(iovec))
    outbox.controls = <uint8_t*>calloc(OUT_MAX, CONTROL_MAX)
    outbox.owners = <void**>calloc(OUT_MAX, sizeof(void*))
    outbox.firsts = <int64_t*>calloc(OUT_MAX, sizeof(int64_t))
    outbox.segments = <int*>calloc(OUT_MAX, sizeof(int))
    outbox.failed = <uint8_t*>calloc(OUT_MAX, 1)
    if not (
        outbox.messages and outbox.pieces and outbox.controls and outbox.owners
        and outbox.firsts and outbox.segments and outbox.failed
    ):
        raise MemoryError
    return 0


cdef void outbox_free(Outbox* outbox) noexcept nogil:
    free(outbox.messages)
    free(outbox.pieces)
    free(outbox.controls)
    free(outbox.owners)
    free(outbox.firsts)
    free(outbox.segments)
    free(outbox.failed)


cdef bint outbox_has_room(Outbox* outbox, int fd, int pieces) noexcept nogil:
    """Whether one message more fits in; if not, flush first."""
    if outbox.count == 0:
        return True
    return (
        outbox.fd == fd
        and outbox.count < OUT_MAX
        and outbox.pieces_count + pieces <= PIECES_MAX
    )


cdef void outbox_begin(
    Outbox* outbox, int fd, Address* to, int segment, void* owner, int64_t first
) noexcept nogil:
    """Begin a message; its pieces follow."""
    cdef int n = outbox.count
    cdef msghdr* message = &outbox.messages[n].msg_hdr
    cdef uint8_t* control = outbox.controls + n * CONTROL_MAX
    cdef cmsghdr* part
    outbox.fd = fd
    outbox.count += 1
    outbox.owners[n] = owner
    outbox.firsts[n] = first
    outbox.segments[n] = segment
    outbox.failed[n] = 0
    message.msg_name = &to.name
    message.msg_namelen = to.size
    message.msg_iov = &outbox.pieces[outbox.pieces_count]
    message.msg_iovlen = 0
    message.msg_control = to.control if to.control_size else NULL
    message.msg_controllen = to.control_size
    message.msg_flags = 0
    if segment:
        memcpy(control, to.control, to.control_size)
        part = <cmsghdr*>(control + to.control_size)
        part.cmsg_level = SOL_UDP
        part.cmsg_type = UDP_SEGMENT
        part.cmsg_len = CMSG_LEN(sizeof(uint16_t))
        (<uint16_t*>CMSG_DATA(part))[0] = segment
        message.msg_control = control
        message.msg_controllen = to.control_size + CMSG_SPACE(sizeof(uint16_t))


cdef void outbox_piece(Outbox* outbox, const uint8_t* data, size_t size) noexcept nogil:
    """Add memory to the message begun last; it must stay until the flush."""
    cdef iovec* piece = &outbox.pieces[outbox.pieces_count]
    piece.iov_base = <void*>data
    piece.iov_len = size
    outbox.pieces_count += 1
    outbox.messages[outbox.count - 1].msg_hdr.msg_iovlen += 1


cdef int outbox_flush(Outbox* outbox) noexcept nogil:
    """Send all there is.

    Returns:
        The index of the first message that the socket had no room for, which it and
        those behind it are still to be sent; or `count` before the call: all went.
    """
    cdef int sent = 0, count = outbox.count, got
    while sent < count:
        got = _sendmmsg(outbox.fd, outbox.messages + sent, count - sent)
        if got > 0:
            sent += got
            continue
        if errno == EINTR:
            continue
        if errno == EAGAIN:
            break
        if outbox.segments[sent] and (
            errno == EIO or errno == EINVAL or errno == EMSGSIZE
        ):
            outbox.failed[sent] = 1
            outbox.cut_failed = True
            _send_uncut(outbox, sent)
        # Anything else, no route or a firewall, is as good as lost on the way.
        sent += 1
    outbox.count = 0
    outbox.pieces_count = 0
    return sent


cdef void _send_uncut(Outbox* outbox, int index) noexcept nogil:
    """Send the packets of a message one by one; what finds no room is lost."""
    cdef msghdr* whole = &outbox.messages[index].msg_hdr
    cdef msghdr packet = whole[0]
    cdef iovec piece
    cdef size_t segment = outbox.segments[index], left
    cdef uint8_t* at
    cdef size_t n
    packet.msg_iov = &piece
    packet.msg_iovlen = 1
    packet.msg_controllen -= CMSG_SPACE(sizeof(uint16_t))
    if packet.msg_controllen == 0:
        packet.msg_control = NULL
    # A piece is whole packets, only the last of all may be shorter.
    for n in range(whole.msg_iovlen):
        at = <uint8_t*>whole.msg_iov[n].iov_base
        left = whole.msg_iov[n].iov_len
        while left:
            piece.iov_base = at
            piece.iov_len = min(left, segment)
            sendmsg(outbox.fd, &packet, MSG_DONTWAIT)
            at += piece.iov_len
            left -= piece.iov_len
