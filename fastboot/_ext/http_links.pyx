# cython: language_level=3
"""The compiled front's connections: their table, their timers, what they wait for."""

from fastboot.http.waiting import SLOW
from fastboot.patient import PATIENCE

from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from fastboot._ext.epoll cimport (
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT, epoll_ctl,
    epoll_event,
)
from fastboot._ext.wheel cimport wheel_init, wheel_remove, wheel_set

cdef extern from "<sys/socket.h>" nogil:
    struct c_linger "linger":
        int l_onoff
        int l_linger
    int SOL_SOCKET
    int SO_LINGER
    int setsockopt(int fd, int level, int name, const void* value, unsigned int size)

cdef extern from "<unistd.h>" nogil:
    int c_close "close" (int fd)

cdef double _slow = SLOW
cdef double _patience = PATIENCE


cdef class Links:
    """Connections, by descriptor.

    Args:
        poller: Where they are watched.
        room: Told of each that is closed here.
        now: Seconds on the clock that is told by `now` later.
    """

    def __dealloc__(self):
        cdef int fd
        cdef Link* link
        for fd in range(self._size):
            if self._table[fd] != NULL:
                _free(self._table[fd])
        free(self._table)
        while self.ended != NULL:
            link, self.ended = self.ended, self.ended.ended
            _free(link)

    def __init__(self, poller, room, double now):
        self._poller = poller
        self._room = room
        self._epoll = poller.fileno()
        self.patient = -1
        self.now = now
        wheel_init(&self.wheel, now)

    cdef Link* find(self, int fd) noexcept nogil:
        """The connection with this descriptor; NULL: there is none."""
        return self._table[fd] if 0 <= fd < self._size else NULL

    cdef Link* first(self, int fd) noexcept nogil:
        """The one with this descriptor, or the next; NULL: there are no more."""
        while fd < self._size:
            if self._table[fd] != NULL:
                return self._table[fd]
            fd += 1
        return NULL

    cdef bint watch(self, int fd) noexcept nogil:
        """Watch a new descriptor for EPOLLIN; False: there is no room for it."""
        return self._control(self._epoll, EPOLL_CTL_ADD, fd, EPOLLIN) == 0

    cdef Link* add(self, int fd, int family, object client) except NULL:
        """Take a connection that is watched for EPOLLIN."""
        cdef Link* link = <Link*>calloc(1, sizeof(Link))
        if link == NULL:
            raise MemoryError
        link.timer.tick = -1
        link.fd, link.family = fd, family
        link.interest = EPOLLIN
        self._make_room(fd)
        Py_INCREF(client)
        link.client = <void*>client
        self._table[fd] = link
        self.count += 1
        return link

    cdef int remove(self, Link* link) except -1:
        """Know a connection no more; its descriptor stays open."""
        self._leave(link)
        _free(link)
        return 0

    cdef void end(self, Link* link, bint reset) noexcept nogil:
        """Close a connection; by a reset what the client has is not taken for all."""
        cdef c_linger at_once
        # Closing alone would not do where a child process has the descriptor as well.
        if link.interest == <uint32_t>LATER:
            self._control(self.patient, EPOLL_CTL_DEL, link.fd, 0)
        self._control(self._epoll, EPOLL_CTL_DEL, link.fd, 0)
        if reset:
            at_once.l_onoff, at_once.l_linger = 1, 0
            setsockopt(link.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once))
        c_close(link.fd)
        self._leave(link)
        link.ended = self.ended
        self.ended = link

    cdef void _leave(self, Link* link) noexcept nogil:
        self._table[link.fd] = NULL
        self.count -= 1
        self.look_at(link, False)
        wheel_remove(&self.wheel, &link.timer)

    cdef void hand_up(self, Link* link) noexcept nogil:
        """Watch a connection no more; its owner asks for it with `Front.take`."""
        self.watch_for(link, EPOLLIN)
        wheel_remove(&self.wheel, &link.timer)
        link.is_up = True

    cdef int tell(self) except -1:
        """Tell the room of the connections that are closed, and forget them."""
        cdef Link* link
        while self.ended != NULL:
            link = self.ended
            self.ended = link.ended
            try:
                self._room.leave(<object>link.client)
            finally:
                _free(link)
        return 0

    cdef void look_at(self, Link* link, bint busy) noexcept nogil:
        """Count those that are busy anew."""
        self.busy += busy - link.busy
        link.busy = busy

    cdef void set_timer(self, Link* link, double seconds) noexcept nogil:
        wheel_set(&self.wheel, &link.timer, self.now + seconds)

    cdef void watch_for(self, Link* link, uint32_t interest) noexcept nogil:
        if link.interest == interest:
            return
        if link.interest == <uint32_t>LATER:
            self._control(self.patient, EPOLL_CTL_DEL, link.fd, 0)
        if interest == <uint32_t>LATER:
            if not self._wait_later(link.fd):
                interest = EPOLLOUT
        link.interest = interest
        if interest == <uint32_t>LATER:
            interest = 0  # its end is told at once
        self._control(self._epoll, EPOLL_CTL_MOD, link.fd, interest)

    cdef bint _wait_later(self, int fd) noexcept nogil:
        """Watch a descriptor with others; False: none is left for that."""
        if self.patient < 0:
            with gil:
                try:
                    self.patient = self._poller.patient().fd
                except OSError:
                    return False
        return self._control(self.patient, EPOLL_CTL_ADD, fd, EPOLLOUT) == 0

    cdef int _control(
        self, int epoll, int what, int fd, uint32_t interest
    ) noexcept nogil:
        cdef epoll_event event
        memset(&event, 0, sizeof(event))
        event.events = interest
        event.data.fd = fd
        return epoll_ctl(epoll, what, fd, &event)

    cdef bint await_room(self, Link* link, bint full) noexcept nogil:
        """See `fastboot.http.waiting.Waiting.waits`; whether another wait begins."""
        cdef double waited = self.now - link.waits_since
        cdef uint32_t before = link.interest, interest = 0 if link.cold else EPOLLOUT
        link.waits_since = self.now
        if interest and full:
            if waited >= (2 * _patience if before == LATER else _slow):
                interest = LATER
        self.watch_for(link, interest)
        # Who asks ahead waits once for all its answers: the rate is the connection's.
        return before != interest and not (_is_room(before) and _is_room(interest))

    cdef int _make_room(self, int fd) except -1:
        cdef int size = max(self._size, 64)
        cdef Link** table
        while size <= fd:
            size *= 2
        if size > self._size:
            table = <Link**>realloc(self._table, size * sizeof(void*))
            if table == NULL:
                raise MemoryError
            memset(table + self._size, 0, (size - self._size) * sizeof(void*))
            self._table, self._size = table, size
        return 0


cdef inline bint _is_room(uint32_t interest) noexcept nogil:
    """Whether it is room that is waited for."""
    return interest == <uint32_t>EPOLLOUT or interest == <uint32_t>LATER


cdef void _free(Link* link):
    Py_DECREF(<object>link.client)
    free(link.head)
    free(link.rest)
    free(link)
