from libc.stdint cimport int64_t

cdef enum:
    RUNNING = 0
    DONE = 1
    PROBED = 2
    UNANSWERED = 3
    STALLED = 4
    ABORTED = 5
    UNREADABLE = 6
    CLOSED = 7

cdef struct Machine:
    int64_t size
    int64_t last  # the final block's number; 0 until it is known
    int64_t acked
    int64_t sent
    int64_t highest
    int64_t retransmissions
    int blksize
    int window
    bint probe
    bint confirmed
    bint repeated_for_ack
    bint probed  # with the window's last block
    int sends
    int outcome
    double patience
    double longest
    double window_at
    double give_up
    double deadline  # below 0: none
    double smoothed
    double variation
    double factor

cdef struct Burst:
    int64_t first
    int64_t count  # 0: nothing to send
    bint last_alone  # of a window

cdef void machine_init(
    Machine* m, int64_t size, int64_t last, int blksize, int window,
    bint oack, bint probe, double timeout, double patience
) noexcept nogil
cdef Burst machine_start(Machine* m, double now) noexcept nogil
cdef Burst machine_repeat(Machine* m) noexcept nogil
cdef Burst machine_acknowledge(Machine* m, int wire, double now) noexcept nogil
cdef Burst machine_tick(Machine* m, double now) noexcept nogil
cdef void machine_sent(Machine* m, Burst burst, double now) noexcept nogil
cdef void machine_resumed(Machine* m, double now) noexcept nogil
cdef void machine_aborted(Machine* m, int code) noexcept nogil
cdef void machine_finish(Machine* m, int outcome) noexcept nogil
cdef int64_t machine_acknowledged(Machine* m) noexcept nogil
cdef str aborted(Machine* m, int code, bytes data)
