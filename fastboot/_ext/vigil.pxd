from fastboot._ext.epoll cimport epoll_event

cdef class Vigil:
    cdef readonly int asleep    # waits that are slept through before one is tried awake
    cdef int _penalty           # how many after the next that is in vain
    cdef int _streak            # such as were not, in a row

    cdef int wait(
        self, int epoll, epoll_event* events, int most, int timeout, bint awake
    ) noexcept nogil
    cdef void _was_worth_it(self) noexcept nogil
