from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "<sys/socket.h>" nogil:
    struct sockaddr:
        pass
    struct sockaddr_storage:
        uint16_t ss_family
    int AF_INET

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

cdef int name_init(sockaddr_storage* name, peer) except -1
cdef object name_peer(sockaddr_storage* name)
cdef str name_address(sockaddr_storage* name)
cdef int name_port(sockaddr_storage* name) noexcept nogil
cdef uint64_t name_hash(sockaddr_storage* name, uint64_t seed) noexcept nogil
cdef bint name_equal(sockaddr_storage* one, sockaddr_storage* other) noexcept nogil
