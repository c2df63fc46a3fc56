from libc.stdint cimport int64_t, uint8_t, uint32_t

from fastboot._ext.http_kept cimport Recipe
from fastboot._ext.wheel cimport Node, Wheel

cdef enum:
    LATER = 1 << 30  # among interests: EPOLLOUT, which may be told with others

cdef struct Link:
    Node timer       # first, so that a timer's node is its connection
    int fd
    int family
    void* client     # its address as Python has it; touched with the GIL only
    Link* ended      # the next of those that are closed and not told of yet
    bint is_up       # handed up, and not yet taken
    bint busy        # as it is counted
    uint32_t interest
    int64_t requests
    Recipe* recipe   # what is being sent; NULL: nothing
    uint8_t* head    # what is left of the answer's head, and where its memory begins
    size_t head_at
    size_t head_size
    uint8_t* rest    # requests that were sent behind it: only where there is one
    size_t rest_size
    int64_t offset
    int64_t left
    int64_t length
    int64_t unrenewed  # bytes sent since the client was last given its time
    int64_t behind     # what it had not acknowledged by then
    double renewed     # when that was
    double began
    double waits_since  # for room, or when the answer began
    bint begun       # its head is sent, or kept in `head`
    bint cold        # a part of the file is being read for it
    int64_t cold_at  # where it begins
    bint warmed      # it has just been, and is sent without another look
    int64_t warm_to  # where in the file ends what was there when it was looked at

cdef class Links:
    cdef object _poller
    cdef object _room
    cdef int _epoll
    cdef int patient    # an epoll of those that wait LATER; below 0: none has yet
    cdef int _size
    cdef Link** _table  # by descriptor
    cdef Link* ended    # closed, and the room does not know
    cdef Wheel wheel
    cdef double now
    cdef int64_t count
    cdef int64_t busy   # those that are answered, or wait for it

    cdef Link* find(self, int fd) noexcept nogil
    cdef Link* first(self, int fd) noexcept nogil
    cdef bint watch(self, int fd) noexcept nogil
    cdef Link* add(self, int fd, int family, object client) except NULL
    cdef int remove(self, Link* link) except -1
    cdef void end(self, Link* link, bint reset) noexcept nogil
    cdef void hand_up(self, Link* link) noexcept nogil
    cdef void _leave(self, Link* link) noexcept nogil
    cdef int tell(self) except -1
    cdef void look_at(self, Link* link, bint busy) noexcept nogil
    cdef void set_timer(self, Link* link, double seconds) noexcept nogil
    cdef void watch_for(self, Link* link, uint32_t interest) noexcept nogil
    cdef bint _wait_later(self, int fd) noexcept nogil
    cdef int _control(
        self, int epoll, int what, int fd, uint32_t interest
    ) noexcept nogil
    cdef bint await_room(self, Link* link, bint full) noexcept nogil
    cdef int _make_room(self, int fd) except -1
