from libc.stdint cimport uint8_t, uint64_t

cdef struct Key:
    uint64_t[2] halves

cdef Key key_new()
cdef uint64_t siphash(const uint8_t* data, size_t size, Key* key) noexcept nogil
