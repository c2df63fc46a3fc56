# cython: language_level=3
"""Twin of `fastboot.http.front.Front`: requests that are known, answered in C.

Between two requests a connection is some hundred bytes here and no Python object. What
happens on it happens without the GIL, until something has to be handed up.
"""

import math
import os
import time

from fastboot.http.front import ANSWER_COST, RECEIVE, SHARE
from fastboot.http.limits import NOTEWORTHY
from fastboot.http.turn import Turn
from fastboot.poller import READ, WRITE

from libc.errno cimport EAGAIN, EINTR, errno
from libc.math cimport ceil
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from fastboot._ext.http_kept cimport Kept, Part, Recipe
from fastboot._ext.http_outlet cimport (
    CUT_SHORT, REWRITTEN, Link, Outlet, unacknowledged,
)
from fastboot._ext.wheel cimport (
    Wheel, wheel_init, wheel_next, wheel_pop, wheel_remove, wheel_set,
)

cdef extern from "<sys/epoll.h>" nogil:
    union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_wait(int epfd, epoll_event* events, int maxevents, int timeout)
    int epoll_ctl(int epfd, int op, int fd, epoll_event* event)
    int EPOLLIN
    int EPOLLOUT
    int EPOLLERR
    int EPOLLHUP
    int EPOLL_CTL_MOD

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* data, size_t size, int flags)

cdef extern from "<string.h>" nogil:
    void* memmem(const void* where, size_t size, const void* what, size_t n)

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_MONOTONIC
    int clock_gettime(int clock, timespec* now)

cdef enum:
    EVENTS = 128
    NEWS_MAX = 256   # answers that wait to be reported
    SLOW = -3
    GONE = -4

cdef double NEWS_DELAY = 0.05  # seconds that they wait at the most
cdef int64_t _share = SHARE
cdef int64_t _answer_cost = ANSWER_COST
cdef int64_t _noteworthy = NOTEWORTHY
cdef size_t _receive = RECEIVE


cdef struct Sent:
    int fd
    Recipe* recipe
    int64_t length
    double seconds


cdef class Front:
    """The front in C; see `fastboot.http.front.Front`."""

    cdef object _poller
    cdef object _clock
    cdef object _turn    # what is to be handed up
    cdef bint _own_clock
    cdef bint _news      # something other than answers is in it
    cdef bint _draining
    cdef int _epoll
    cdef int _waker
    cdef int _timer
    cdef double _now
    cdef double _idle_timeout
    cdef double _stall_timeout
    cdef int64_t _max_requests
    cdef int64_t _least
    cdef Link** _links   # by descriptor
    cdef int _room
    cdef Wheel _wheel
    cdef Kept _kept
    cdef uint8_t* _in
    cdef Outlet _outlet
    cdef Sent[NEWS_MAX] _sent
    cdef int _sent_count
    cdef double _sent_since
    cdef readonly int64_t answering
    cdef readonly int64_t requests
    cdef readonly int64_t sent_bytes

    def __cinit__(self):
        self._in = <uint8_t*>malloc(_receive)
        if not self._in:
            raise MemoryError

    def __dealloc__(self):
        cdef int fd
        for fd in range(self._room):
            if self._links[fd] != NULL:
                _free_link(self._links[fd])
        free(self._links)
        free(self._in)

    def __init__(self, poller, config, clock, wall_clock):
        self._poller = poller
        self._clock = clock
        self._own_clock = clock is time.monotonic
        self._epoll = poller.fileno()
        self._waker, self._timer = poller.own
        self._idle_timeout = config.idle_timeout
        self._stall_timeout = config.stall_timeout
        self._max_requests = config.max_requests
        self._least = max(1, int(config.min_rate * config.stall_timeout))
        self._outlet = Outlet(wall_clock)
        self._kept = Kept()
        self._turn = Turn()
        self._look_at_clocks()
        wheel_init(&self._wheel, self._now)

    # Python's interface

    @property
    def next(self):
        """See `fastboot.http.front.Front`, here and below."""
        cdef double due = wheel_next(&self._wheel)
        return math.inf if due < 0 else due

    def watch(self, sock, double deadline, requests):
        cdef int fd = sock.fileno()
        cdef Link* link = <Link*>calloc(1, sizeof(Link))
        if link == NULL:
            raise MemoryError
        link.timer.tick = -1
        link.fd = fd
        link.interest = EPOLLIN
        link.requests = requests
        self._make_room(fd)
        self._links[fd] = link
        wheel_set(&self._wheel, &link.timer, deadline)

    def take(self, int fd):
        cdef Link* link = self._links[fd]
        cdef int64_t requests = link.requests
        self._links[fd] = NULL
        wheel_remove(&self._wheel, &link.timer)
        if link.recipe != NULL:
            self._finish(link)
        _free_link(link)
        return requests

    def retry(self, int fd, bytes data):
        cdef Link* link = self._links[fd]
        cdef const uint8_t* head = data
        cdef size_t size = len(data)
        if memmem(head, size, b"\r\n\r\n", 4) != head + size - 4:
            return False
        if not self._find(link, head, size):
            return False
        link.is_up = False
        self._await_room(link, NULL, 0)
        return True

    def poll(self, timeout):
        cdef double patience = -1.0 if timeout is None else timeout
        self._look_at_clocks()
        with nogil:
            self._run(patience)
        return self._hand_over()

    def resume(self, int fd):
        cdef Link* link = self._links[fd]
        link.cold, link.warmed = False, True
        self._watch_for(link, EPOLLOUT)

    def drain(self):
        cdef int fd
        self._draining = True
        waiting = [
            fd for fd in range(self._room)
            if self._links[fd] != NULL and not self._is_busy(self._links[fd])
        ]
        for fd in waiting:
            self._hand_up(self._links[fd])
        return waiting

    def stop(self, reason):
        cdef int fd
        cdef Link* link
        self._look_at_clocks()
        for fd in range(self._room):
            link = self._links[fd]
            if link == NULL:
                continue
            if link.recipe != NULL:
                self._report_cut(link, reason)
            else:
                self._hand_up(link)
                self._turn.late.append(fd)
        turn = self._hand_over()
        self._kept.forget()
        return turn

    def remember(self, recipe, blob):
        self._kept.keep(recipe, blob)

    def forget(self):
        self._kept.forget()

    def under_way(self):
        cdef int fd
        cdef Link* link
        found = []
        for fd in range(self._room):
            link = self._links[fd]
            if link != NULL and link.recipe != NULL:
                name = (<object>link.recipe.recipe).name
                sent = link.length - link.left
                found.append((fd, name, link.length, sent, link.began))
        return found

    def sweep(self):
        return self._kept.sweep()

    # A turn

    cdef int _look_at_clocks(self) except -1:
        self._now = _clock_of(CLOCK_MONOTONIC) if self._own_clock else self._clock()
        self._outlet.look_at_clock()
        return 0

    cdef int _write_down(self) except -1:
        """Make the answers that are complete known to Python."""
        cdef int n
        cdef Sent* sent
        for n in range(self._sent_count):
            sent = &self._sent[n]
            self._turn.sent.append(
                (sent.fd, <object>sent.recipe.recipe, sent.length, sent.seconds)
            )
            self._kept.release(sent.recipe)
        self._sent_count = 0
        return 0

    cdef object _hand_over(self):
        """What the turn left for others."""
        self._write_down()
        turn, self._turn = self._turn, Turn()
        self._news = False
        self._kept.tidy()
        return turn

    cdef void _run(self, double patience) noexcept nogil:
        """Turn until something is to be handed up or `patience` ends (< 0: never)."""
        cdef epoll_event[EVENTS] events
        cdef double until = self._now + patience
        cdef int n, count
        while True:
            count = epoll_wait(self._epoll, events, EVENTS, self._wait(patience, until))
            if self._own_clock:
                self._now = _clock_of(CLOCK_MONOTONIC)
            for n in range(count):
                self._serve(events[n].data.fd, events[n].events)
            self._expire()
            if self._news or self._sent_count == NEWS_MAX:
                return
            if self._sent_count and self._now >= self._sent_since + NEWS_DELAY:
                return
            if patience == 0 or (patience > 0 and self._now >= until):
                return

    cdef int _wait(self, double patience, double until) noexcept nogil:
        """Milliseconds that epoll may wait; below 0: for ever."""
        cdef double due = wheel_next(&self._wheel)
        if patience == 0:
            return 0
        if patience > 0 and (due < 0 or until < due):
            due = until
        if self._sent_count and (due < 0 or self._sent_since + NEWS_DELAY < due):
            due = self._sent_since + NEWS_DELAY
        if due < 0:
            return -1
        return <int>ceil(min(max(due - self._now, 0.0), 3600.0) * 1000)

    cdef void _serve(self, int fd, uint32_t what) noexcept nogil:
        """Do what a descriptor is ready for."""
        cdef Link* link = self._links[fd] if fd < self._room else NULL
        cdef ssize_t n
        if link == NULL or link.is_up:
            with gil:
                self._hand_ready(fd, what)
        elif link.cold:
            self._cut(link, GONE)
        elif self._is_busy(link):
            self._advance(link, NULL, 0)
        else:
            n = recv(fd, self._in, _receive, 0)
            if n > 0:
                self._advance(link, self._in, n)
            elif n == 0 or not (errno == EAGAIN or errno == EINTR):
                self._pass(link, NULL, 0)  # nothing is under way: as good as an end

    cdef int _hand_ready(self, int fd, uint32_t what) except -1:
        self._news = True
        if fd == self._timer or fd == self._waker:
            self._poller.heed(fd)
            return 0
        gone = what & (EPOLLERR | EPOLLHUP)
        interest = READ if gone or what & EPOLLIN else 0
        interest |= WRITE if gone or what & EPOLLOUT else 0
        self._turn.ready.append((fd, interest))
        return 0

    cdef void _expire(self) noexcept nogil:
        cdef Link* link
        while True:
            link = <Link*>wheel_pop(&self._wheel, self._now)
            if link == NULL:
                return
            if link.recipe == NULL:
                self._late(link)
            elif self._took(link) >= self._least:
                self._renew(link)
            else:
                self._cut(link, SLOW)

    # Handing up

    cdef void _hand_up(self, Link* link) noexcept nogil:
        """Watch a connection no more; its owner asks for it with `take`."""
        self._watch_for(link, EPOLLIN)
        wheel_remove(&self._wheel, &link.timer)
        link.is_up = True

    cdef void _late(self, Link* link) noexcept nogil:
        self._hand_up(link)
        self._news = True
        with gil:
            self._turn.late.append(link.fd)

    cdef void _pass(self, Link* link, const uint8_t* data, size_t size) noexcept nogil:
        self._hand_up(link)
        self._news = True
        with gil:
            self._turn.came.append((link.fd, (<const char*>data)[:size]))

    cdef void _cut(self, Link* link, int why) noexcept nogil:
        with gil:
            self._report_cut(link, self._reason(why))

    cdef str _reason(self, int why):
        if why == CUT_SHORT:
            return "the file was cut short while it was read"
        if why == REWRITTEN:
            return "the file was rewritten while it was read"
        if why == GONE:
            return "the client is gone"
        if why == SLOW:
            return f"the client took too little for {self._stall_timeout:g} s"
        return os.strerror(why)

    cdef int _report_cut(self, Link* link, reason) except -1:
        cdef int64_t sent = link.length - link.left
        known = <object>link.recipe.recipe
        took = self._now - link.began
        self._turn.cut.append((link.fd, known, link.length, sent, took, reason))
        self._finish(link)
        self._hand_up(link)
        self._news = True
        return 0

    # Answers

    cdef void _advance(
        self, Link* link, const uint8_t* data, size_t size
    ) noexcept nogil:
        """Send what is under way, then answer `data` or what was sent behind it."""
        cdef uint8_t* rest = link.rest
        cdef const uint8_t* end
        cdef int64_t sent, share = _share
        if rest != NULL:
            data, size = rest, link.rest_size
            link.rest = NULL
        while True:
            if link.recipe != NULL:
                sent = self._send(link, share)
                if sent < 0:
                    break
                share -= sent
                if link.left or link.head != NULL:
                    self._await_room(link, data, size)
                    break
                self._complete(link)
                share -= _answer_cost
            if size == 0:
                if self._draining:
                    self._late(link)
                else:
                    self._watch_for(link, EPOLLIN)
                break
            if share <= 0:
                self._await_room(link, data, size)
                break
            end = <const uint8_t*>memmem(data, size, b"\r\n\r\n", 4)
            if end == NULL or not self._find(link, data, end + 4 - data):
                self._pass(link, data, size)
                break
            size -= end + 4 - data
            data = end + 4
        free(rest)

    cdef void _await_room(
        self, Link* link, const uint8_t* data, size_t size
    ) noexcept nogil:
        """Go on when the socket takes more, which it may do at once."""
        if size:
            link.rest = <uint8_t*>malloc(size)
            if link.rest == NULL:
                return
            memcpy(link.rest, data, size)
            link.rest_size = size
        cdef uint32_t interest = 0 if link.cold else EPOLLOUT
        if link.interest != interest:
            self._watch_for(link, interest)
            self._renew(link)

    cdef void _watch_for(self, Link* link, uint32_t interest) noexcept nogil:
        cdef epoll_event event
        if link.interest != interest:
            memset(&event, 0, sizeof(event))
            event.events = interest
            event.data.fd = link.fd
            epoll_ctl(self._epoll, EPOLL_CTL_MOD, link.fd, &event)
            link.interest = interest

    cdef bint _find(
        self, Link* link, const uint8_t* head, size_t size
    ) noexcept nogil:
        """Begin the answer to a head that a good recipe is kept for."""
        cdef Part part
        if self._draining or link.requests + 1 >= self._max_requests:
            return False
        link.recipe = self._kept.find(head, size, &part)
        if link.recipe == NULL:
            return False
        link.offset = part.first
        link.left = link.length = part.length
        link.warm_to = -1
        link.began = self._now
        link.unrenewed = 0
        link.begun = False
        link.requests += 1
        self.requests += 1
        self.answering += 1
        return True

    cdef int64_t _send(self, Link* link, int64_t share) noexcept nogil:
        """Send what there is room for, `share` bytes at the most; how many it was.

        Below 0: the answer cannot be completed, and was cut off.
        """
        cdef int failure = 0
        cdef int64_t sent = self._outlet.send(link, share, &failure)
        if link.cold:
            self._news = True
            with gil:
                self._turn.cold.append((link.fd, link.recipe.file.fd, link.cold_at))
        self._taken(link, sent)
        if failure and failure != EAGAIN:
            self._cut(link, failure)
            return -1
        return sent

    cdef void _taken(self, Link* link, int64_t count) noexcept nogil:
        self.sent_bytes += count
        link.unrenewed += count
        if link.unrenewed >= self._least:
            self._renew(link)

    cdef void _renew(self, Link* link) noexcept nogil:
        link.unrenewed = 0
        if link.left:
            link.behind = unacknowledged(link.fd)
        wheel_set(&self._wheel, &link.timer, self._now + self._stall_timeout)

    cdef int64_t _took(self, Link* link) noexcept nogil:
        """What the client acknowledged since its timer was set."""
        return link.behind + link.unrenewed - unacknowledged(link.fd)

    cdef void _complete(self, Link* link) noexcept nogil:
        cdef Recipe* recipe = link.recipe
        cdef Sent* sent
        if link.length == recipe.size or link.length >= _noteworthy:
            if self._sent_count == NEWS_MAX:
                with gil:
                    self._write_down()
            if self._sent_count == 0:
                self._sent_since = self._now
            sent = &self._sent[self._sent_count]
            self._sent_count += 1
            recipe.users += 1
            sent.fd, sent.recipe = link.fd, recipe
            sent.length, sent.seconds = link.length, self._now - link.began
        self._finish(link)
        wheel_set(&self._wheel, &link.timer, self._now + self._idle_timeout)

    cdef void _finish(self, Link* link) noexcept nogil:
        """The answer under way is over, one way or the other."""
        self._kept.release(link.recipe)
        link.recipe = NULL
        free(link.head)
        link.head = NULL
        self.answering -= 1

    # The table

    cdef bint _is_busy(self, Link* link) noexcept nogil:
        return link.recipe != NULL or link.rest != NULL

    cdef int _make_room(self, int fd) except -1:
        cdef int room = max(self._room, 64)
        cdef Link** links
        while room <= fd:
            room *= 2
        if room > self._room:
            links = <Link**>realloc(self._links, room * sizeof(void*))
            if links == NULL:
                raise MemoryError
            memset(links + self._room, 0, (room - self._room) * sizeof(void*))
            self._links, self._room = links, room
        return 0


cdef double _clock_of(int clock) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef void _free_link(Link* link) noexcept nogil:
    free(link.head)
    free(link.rest)
    free(link)
