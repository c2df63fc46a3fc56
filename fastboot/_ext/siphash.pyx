# cython: language_level=3
"""SipHash-2-4: a number for bytes that nobody can foretell who does not know the key.

Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF" (2012).
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy


cdef Key key_new():
    """A key by chance."""
    cdef Key key
    cdef bytes raw = os.urandom(sizeof(Key))
    memcpy(&key, PyBytes_AS_STRING(raw), sizeof(Key))
    return key


cdef inline uint64_t _turned(uint64_t value, int bits) noexcept nogil:
    return value << bits | value >> (64 - bits)


cdef inline void _rounds(uint64_t* v, int count) noexcept nogil:
    cdef int _
    for _ in range(count):
        v[0] += v[1]
        v[2] += v[3]
        v[1] = _turned(v[1], 13) ^ v[0]
        v[3] = _turned(v[3], 16) ^ v[2]
        v[0] = _turned(v[0], 32)
        v[2] += v[1]
        v[0] += v[3]
        v[1] = _turned(v[1], 17) ^ v[2]
        v[3] = _turned(v[3], 21) ^ v[0]
        v[2] = _turned(v[2], 32)


cdef uint64_t siphash(const uint8_t* data, size_t size, Key* key) noexcept nogil:
    """The hash, on a little-endian machine that of the paper."""
    cdef uint64_t[4] v
    cdef uint64_t word, last = <uint64_t>size << 56
    v[0] = key.halves[0] ^ <uint64_t>0x736F6D6570736575
    v[1] = key.halves[1] ^ <uint64_t>0x646F72616E646F6D
    v[2] = key.halves[0] ^ <uint64_t>0x6C7967656E657261
    v[3] = key.halves[1] ^ <uint64_t>0x7465646279746573
    while size >= 8:
        memcpy(&word, data, 8)
        v[3] ^= word
        _rounds(v, 2)
        v[0] ^= word
        data += 8
        size -= 8
    word = 0
    memcpy(&word, data, size)
    last |= word
    v[3] ^= last
    _rounds(v, 2)
    v[0] ^= last
    v[2] ^= 0xFF
    _rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def of(bytes data, bytes key):
    """The hash of bytes by a key of 16, for its test."""
    cdef Key own
    if len(key) != sizeof(Key):
        raise ValueError("a key has 16 bytes")
    memcpy(&own, PyBytes_AS_STRING(key), sizeof(Key))
    return siphash(<const uint8_t*>PyBytes_AS_STRING(data), len(data), &own)
