# cython: language_level=3
"""A timer wheel: deadlines of thousands of transfers, each a few pointers to move.

A slot is a sixty-fourth of a second, the wheel turns once in 32 s. Like
`fastboot.timers` it is lazy: a deadline that moves later only changes a number, and
what comes up too early goes back in; so does what lies more than a turn ahead.
"""

from libc.math cimport floor
from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    int __builtin_ctzll(unsigned long long) nogil

cdef enum:
    PER_SECOND = 64


cdef void wheel_init(Wheel* wheel, double now) noexcept nogil:
    cdef int n
    for n in range(SLOTS):
        wheel.slots[n] = NULL
    for n in range(WORDS):
        wheel.filled[n] = 0
    wheel.tick = <int64_t>floor(now * PER_SECOND)


cdef int64_t _tick_of(Wheel* wheel, double deadline) noexcept nogil:
    """The first slot that is looked at when the deadline is surely over."""
    cdef int64_t tick = <int64_t>floor(deadline * PER_SECOND) + 1
    if tick <= wheel.tick:
        return wheel.tick + 1
    return min(tick, wheel.tick + SLOTS - 1)


cdef void _put(Wheel* wheel, Node* node, int64_t tick) noexcept nogil:
    cdef int64_t slot = tick & (SLOTS - 1)
    node.tick = tick
    node.before = NULL
    node.after = wheel.slots[slot]
    if node.after != NULL:
        node.after.before = node
    wheel.slots[slot] = node
    wheel.filled[slot >> 6] |= <uint64_t>1 << (slot & 63)


cdef void wheel_set(Wheel* wheel, Node* node, double deadline) noexcept nogil:
    """Give a node a deadline in place of the one it had."""
    cdef int64_t tick = _tick_of(wheel, deadline)
    node.deadline = deadline
    if 0 <= node.tick <= tick:
        return
    wheel_remove(wheel, node)
    _put(wheel, node, tick)


cdef void wheel_remove(Wheel* wheel, Node* node) noexcept nogil:
    """Take a node out; one that is in no slot stays so."""
    cdef int64_t slot = node.tick & (SLOTS - 1)
    if node.tick < 0:
        return
    if node.before != NULL:
        node.before.after = node.after
    else:
        wheel.slots[slot] = node.after
        if node.after == NULL:
            wheel.filled[slot >> 6] &= ~(<uint64_t>1 << (slot & 63))
    if node.after != NULL:
        node.after.before = node.before
    node.tick = -1


cdef Node* wheel_pop(Wheel* wheel, double now) noexcept nogil:
    """A node whose deadline is over, taken out; NULL: there is none (any more)."""
    cdef int64_t until = <int64_t>floor(now * PER_SECOND), tick
    cdef Node* node
    while True:
        tick = _next_filled(wheel)
        if tick < 0 or tick > until:
            wheel.tick = max(wheel.tick, until)
            return NULL
        # The slot before the filled one is done: what goes back in goes behind it.
        wheel.tick = max(wheel.tick, tick - 1)
        node = wheel.slots[tick & (SLOTS - 1)]
        wheel_remove(wheel, node)
        if node.deadline <= now:
            return node
        _put(wheel, node, _tick_of(wheel, node.deadline))


cdef int64_t _next_filled(Wheel* wheel) noexcept nogil:
    """The first filled slot's tick from `wheel.tick` + 1 on; below 0: none is."""
    cdef int64_t start = (wheel.tick + 1) & (SLOTS - 1), slot
    cdef int64_t word = start >> 6
    cdef uint64_t bits = wheel.filled[word] & (~<uint64_t>0 << (start & 63))
    cdef int _
    for _ in range(WORDS + 1):
        if bits:
            slot = (word << 6) + __builtin_ctzll(bits)
            return wheel.tick + 1 + ((slot - start) & (SLOTS - 1))
        word = (word + 1) & (WORDS - 1)
        bits = wheel.filled[word]
    return -1


cdef double wheel_next(Wheel* wheel) noexcept nogil:
    """When `wheel_pop` may have something; below 0: never as things are."""
    cdef int64_t tick = _next_filled(wheel)
    return -1.0 if tick < 0 else <double>tick / PER_SECOND
