# The system's clocks, read without Python; this has no module of its own.

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_MONOTONIC
    int CLOCK_REALTIME_COARSE
    int clock_gettime(int clock, timespec* now)


cdef inline double monotonic() noexcept nogil:
    """Seconds, as Python's `time.monotonic` tells them."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9
