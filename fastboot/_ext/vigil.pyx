# cython: language_level=3
"""Waits for what comes in: awake where it is likely to come at once, else asleep.

To fall asleep and to be woken costs some ten microseconds, and more in a virtual
machine. Where a lone client is on this machine or next to it, its answer comes sooner:
to wait for it awake takes no more CPU than the sleep would, and what is sent in turn
leaves that much earlier. Many clients are waited for asleep: what they send comes
together meanwhile.

Whether it is so nobody knows beforehand. A wait in vain is slept through after all, and
the next ones are from the beginning, twice as many each time, until hardly any is in
vain: over any network that has a cable in it, one in thousands is tried awake.
"""

from fastboot._ext.clock cimport CLOCK_MONOTONIC, clock_gettime, timespec
from fastboot._ext.epoll cimport epoll_event, epoll_wait

cdef enum:
    AWAKE = 20_000  # nanoseconds
    ASLEEP_MAX = 4096
    STREAK = 8  # waits that were worth it and make up for one in vain


cdef class Vigil:
    """One poller's waits.

    Attributes:
        asleep: Waits that are slept through before one is tried awake.
    """

    def __init__(self):
        self.asleep = 0
        self._penalty = 1
        self._streak = 0

    cdef int wait(
        self, int epoll, epoll_event* events, int most, int timeout, bint awake
    ) noexcept nogil:
        """What epoll_wait(2) does; `awake`: try whether something comes at once."""
        cdef long long until
        cdef int count
        if timeout == 0 or not awake:
            return epoll_wait(epoll, events, most, timeout)
        if self.asleep > 0:
            self.asleep -= 1
            return epoll_wait(epoll, events, most, timeout)
        until = _now() + AWAKE
        while True:
            count = epoll_wait(epoll, events, most, 0)
            if count != 0:
                self._was_worth_it()
                return count
            if _now() >= until:
                break
        self._streak = 0
        self.asleep = self._penalty
        self._penalty = min(self._penalty * 2, <int>ASLEEP_MAX)
        return epoll_wait(epoll, events, most, timeout)

    cdef void _was_worth_it(self) noexcept nogil:
        self._streak += 1
        if self._streak == STREAK:
            self._streak = 0
            self._penalty = max(1, self._penalty // 2)

    def ready(self, int epoll, int timeout, bint awake):
        """Wait, as `wait` does; how many descriptors are ready."""
        cdef epoll_event event
        cdef int count
        with nogil:
            count = self.wait(epoll, &event, 1, timeout, awake)
        return count


cdef long long _now() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <long long>now.tv_sec * 1_000_000_000 + now.tv_nsec
