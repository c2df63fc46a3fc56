# cython: language_level=3
"""Names of sockets as the kernel has them: made, told apart, and written for people."""

import socket

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, strlen

cdef extern from "<arpa/inet.h>" nogil:
    const char* inet_ntop(int family, const void* address, char* out, unsigned int size)
    uint16_t htons(uint16_t value)
    uint16_t ntohs(uint16_t value)
    uint32_t htonl(uint32_t value)
    uint32_t ntohl(uint32_t value)

cdef enum:
    ADDRESS_MAX = 46  # characters of the longest address, and a NUL


cdef int name_init(sockaddr_storage* name, peer) except -1:
    """Write a peer's address and port, all of it zero before; the size of that."""
    cdef sockaddr_in* ipv4 = <sockaddr_in*>name
    cdef sockaddr_in6* ipv6 = <sockaddr_in6*>name
    cdef bytes raw
    if len(peer) == 2:
        raw = socket.inet_aton(peer[0])
        ipv4.sin_family = AF_INET
        ipv4.sin_port = htons(peer[1])
        memcpy(&ipv4.sin_addr, PyBytes_AS_STRING(raw), 4)
        return sizeof(sockaddr_in)
    raw = socket.inet_pton(socket.AF_INET6, peer[0])
    ipv6.sin6_family = socket.AF_INET6
    ipv6.sin6_port = htons(peer[1])
    ipv6.sin6_flowinfo = htonl(peer[2])
    ipv6.sin6_scope_id = peer[3]
    memcpy(&ipv6.sin6_addr, PyBytes_AS_STRING(raw), 16)
    return sizeof(sockaddr_in6)


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
