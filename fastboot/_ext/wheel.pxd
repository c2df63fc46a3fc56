from libc.stdint cimport int64_t, uint64_t

cdef enum:
    SLOTS = 2048
    WORDS = 32  # of 64 slots

cdef struct Node:
    Node* after
    Node* before
    double deadline
    int64_t tick  # of the slot it lies in; below 0: in none

cdef struct Wheel:
    Node* slots[SLOTS]
    uint64_t[WORDS] filled
    int64_t tick  # up to here everything was looked at

cdef void wheel_init(Wheel* wheel, double now) noexcept nogil
cdef void wheel_set(Wheel* wheel, Node* node, double deadline) noexcept nogil
cdef void wheel_remove(Wheel* wheel, Node* node) noexcept nogil
cdef Node* wheel_pop(Wheel* wheel, double now) noexcept nogil
cdef double wheel_next(Wheel* wheel) noexcept nogil
