# cython: language_level=3
"""Twin of `fastboot.http.front.Front`: requests that are known, answered in C.

Between two requests a connection is some hundred bytes here and no Python object. What
happens on it happens without the GIL, until something has to be handed up.
"""

import math
import os
import socket
import time

from fastboot.http.limits import NO_STORAGE, RECEIVE, TOO_LITTLE
from fastboot.http.turn import NEWS_DELAY, Turn
from fastboot.poller import READ, WRITE

from libc.errno cimport EAGAIN, EINTR, errno
from libc.math cimport ceil
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from fastboot._ext.clock cimport monotonic
from fastboot._ext.epoll cimport (
    EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, epoll_event, epoll_wait,
)
from fastboot._ext.http_answers cimport (
    BROKEN, COLD, DRAINED, NEWS_MAX, UNKNOWN, Answers, Verdict,
)
from fastboot._ext.http_links cimport Link, Links
from fastboot._ext.http_outlet cimport CUT_SHORT, REWRITTEN
from fastboot._ext.http_porter cimport Porter
from fastboot._ext.wheel cimport wheel_next, wheel_pop

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* data, size_t size, int flags)

cdef enum:
    EVENTS = 128
    SLOW = -3
    GONE = -4
    HUNG = -5

cdef double _news_delay = NEWS_DELAY
cdef size_t _receive = RECEIVE


cdef class Front:
    """The front in C; see `fastboot.http.front.Front`."""

    cdef object _poller
    cdef object _clock
    cdef object _turn    # what is to be handed up
    cdef bint _own_clock
    cdef bint _news      # something that does not wait is in it
    cdef double _news_since  # other news wait; below 0: there are none
    cdef int _epoll
    cdef Links _links
    cdef Answers _answers
    cdef Porter _porter
    cdef uint8_t* _in

    def __cinit__(self):
        self._in = <uint8_t*>malloc(_receive)
        if not self._in:
            raise MemoryError

    def __dealloc__(self):
        free(self._in)

    def __init__(self, poller, config, clock, wall_clock, room):
        self._poller = poller
        self._clock = clock
        self._own_clock = clock is time.monotonic
        self._epoll = poller.fileno()
        self._links = Links(poller, room, clock())
        self._answers = Answers(self._links, config, wall_clock)
        self._porter = Porter(self._links)
        self._turn = Turn()
        self._news_since = -1
        self._look_at_clocks()

    # Python's interface

    @property
    def next(self):
        """See `fastboot.http.front.Front`, here and below."""
        cdef double due = wheel_next(&self._links.wheel)
        return math.inf if due < 0 else due

    @property
    def connections(self):
        return self._links.count

    @property
    def answering(self):
        return self._links.busy

    @property
    def requests(self):
        return self._answers.requests

    @property
    def sent_bytes(self):
        return self._answers.sent_bytes

    def admit(self, door, int fd, double deadline):
        return self._porter.admit(door, fd, deadline)

    def watch(self, sock, client, double deadline, requests):
        cdef int family = sock.family
        cdef Link* link = self._links.add(sock.detach(), family, client)
        link.requests = requests
        self._links.set_timer(link, deadline - self._links.now)

    def take(self, int fd):
        cdef Link* link = self._links.find(fd)
        cdef int64_t requests
        if link == NULL:
            raise KeyError(fd)
        requests, client = link.requests, <object>link.client
        sock = socket.socket(
            link.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=fd
        )
        sock.setblocking(False)
        self._links.remove(link)
        return sock, client, requests

    def retry(self, int fd, bytes data):
        cdef Link* link = self._links.find(fd)
        if data.find(b"\r\n\r\n") != len(data) - 4:
            return False
        if not self._answers.find(link, data, len(data)):
            return False
        link.is_up = False
        self._answers.await_room(link, False)
        return True

    def poll(self, timeout):
        cdef double patience = -1.0 if timeout is None else timeout
        self._look_at_clocks()
        with nogil:
            self._run(patience)
        return self._hand_over()

    def resume(self, int fd):
        cdef Link* link = self._links.find(fd)
        if link == NULL or not link.cold:
            return  # it has ended meanwhile
        link.cold, link.warmed = False, True
        self._links.watch_for(link, EPOLLOUT)
        self._answers.renew(link)

    def drain(self):
        cdef Link* link = self._links.first(0)
        self._answers.draining = True
        waiting = []
        while link != NULL:
            if link.recipe == NULL:
                self._links.hand_up(link)
                waiting.append(link.fd)
            link = self._links.first(link.fd + 1)
        return waiting

    def stop(self, reason):
        cdef Link* link = self._links.first(0)
        cdef int fd
        self._look_at_clocks()
        while link != NULL:
            fd = link.fd
            if link.recipe != NULL:
                self._report_cut(link, reason)
            else:
                self._links.end(link, False)
            link = self._links.first(fd + 1)
        turn = self._hand_over()
        self._answers.kept.forget()
        return turn

    def remember(self, recipe, blob):
        self._answers.kept.keep(recipe, blob)

    def forget(self):
        self._answers.kept.forget()

    def sweep(self):
        return self._answers.kept.sweep()

    def under_way(self):
        cdef Link* link = self._links.first(0)
        found = []
        while link != NULL:
            if link.recipe != NULL:
                client, recipe = <object>link.client, <object>link.recipe.recipe
                sent = link.length - link.left
                found.append((client, recipe.name, link.length, sent, link.began))
            link = self._links.first(link.fd + 1)
        return found

    # A turn

    cdef int _look_at_clocks(self) except -1:
        self._links.now = monotonic() if self._own_clock else self._clock()
        self._answers.outlet.look_at_clock()
        return 0

    cdef object _hand_over(self):
        """What the turn left for others."""
        self._turn.sent = self._answers.take_rows()
        self._links.tell()
        turn, self._turn = self._turn, Turn()
        self._news, self._news_since = False, -1
        self._answers.kept.tidy()
        return turn

    cdef void _run(self, double patience) noexcept nogil:
        """Turn until something is to be handed up or `patience` ends (< 0: never)."""
        cdef epoll_event[EVENTS] events
        cdef double until = self._links.now + patience
        cdef int n, count
        while True:
            count = epoll_wait(self._epoll, events, EVENTS, self._wait(patience, until))
            if count < 0:
                return  # a signal, whose handler is to be called
            if self._own_clock:
                self._links.now = monotonic()
            for n in range(count):
                self._serve(events[n].data.fd, events[n].events)
            self._expire()
            if self._news or self._answers.sent_count == NEWS_MAX:
                return
            if self._has_waiting_news():
                if self._links.now >= self._news_since + _news_delay:
                    return
            if patience == 0 or (patience > 0 and self._links.now >= until):
                return

    cdef bint _has_waiting_news(self) noexcept nogil:
        """Whether there are news that may wait a little for others."""
        if self._answers.sent_count == 0 and self._links.ended == NULL:
            return False
        if self._news_since < 0:
            self._news_since = self._links.now
        return True

    cdef int _wait(self, double patience, double until) noexcept nogil:
        """Milliseconds that epoll may wait; below 0: for ever."""
        cdef double due = wheel_next(&self._links.wheel)
        if patience == 0:
            return 0
        if patience > 0 and (due < 0 or until < due):
            due = until
        if self._news_since >= 0 and (due < 0 or self._news_since + _news_delay < due):
            due = self._news_since + _news_delay
        if due < 0:
            return -1
        return <int>ceil(min(max(due - self._links.now, 0.0), 3600.0) * 1000)

    cdef void _serve(self, int fd, uint32_t what) noexcept nogil:
        """Do what a descriptor is ready for."""
        cdef Link* link = self._links.find(fd)
        cdef ssize_t n
        if link == NULL or link.is_up:
            with gil:
                self._hand_ready(fd, what)
        elif link.cold:
            self._cut(link, GONE)
        elif link.recipe != NULL:
            self._settle(link, self._answers.advance(link, NULL, 0))
        else:
            n = recv(fd, self._in, _receive, 0)
            if n > 0:
                self._settle(link, self._answers.advance(link, self._in, n))
            elif n == 0 or not (errno == EAGAIN or errno == EINTR):
                self._links.end(link, False)  # nothing is under way: as good as an end

    cdef int _hand_ready(self, int fd, uint32_t what) except -1:
        if fd in self._poller.own:
            if self._poller.heed(fd):
                with nogil:
                    self._serve_patient()
            elif fd != self._links.patient:
                self._news = True
            return 0
        self._news = True
        gone = what & (EPOLLERR | EPOLLHUP)
        interest = READ if gone or what & EPOLLIN else 0
        interest |= WRITE if gone or what & EPOLLOUT else 0
        self._turn.ready.append((fd, interest))
        return 0

    cdef void _serve_patient(self) noexcept nogil:
        """Serve those that waited for room with others."""
        cdef epoll_event[EVENTS] events
        cdef int n, count, seen = 0
        while seen < self._links.count:  # each once: who is served may have room still
            count = epoll_wait(self._links.patient, events, EVENTS, 0)
            for n in range(count):
                self._serve(events[n].data.fd, EPOLLOUT)
            seen += count
            if count < EVENTS:
                return

    cdef void _expire(self) noexcept nogil:
        cdef Link* link
        while True:
            link = <Link*>wheel_pop(&self._links.wheel, self._links.now)
            if link == NULL:
                return
            if link.recipe == NULL:
                self._late(link)
            elif self._answers.expire(link):
                self._cut(link, HUNG if link.cold else SLOW)

    cdef void _settle(self, Link* link, Verdict verdict) noexcept nogil:
        """Hand up what an advance leaves to others."""
        if verdict == COLD:
            self._news = True
            with gil:
                self._turn.cold.append((link.fd, link.recipe.file.fd, link.cold_at))
        elif verdict == UNKNOWN:
            self._pass(link)
        elif verdict == DRAINED:
            self._late(link)
        elif verdict == BROKEN:
            self._cut(link, self._answers.failure)

    # Handing up

    cdef void _late(self, Link* link) noexcept nogil:
        self._links.hand_up(link)
        self._news = True
        with gil:
            self._turn.late.append(link.fd)

    cdef void _pass(self, Link* link) noexcept nogil:
        if link.rest == NULL:  # there was no memory for it
            self._links.end(link, True)
            return
        self._links.hand_up(link)
        self._news = True
        with gil:
            self._turn.came.append((link.fd, (<const char*>link.rest)[:link.rest_size]))
        free(link.rest)
        link.rest = NULL

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
            return TOO_LITTLE.format(self._answers.stall_timeout)
        if why == HUNG:
            return NO_STORAGE.format(self._answers.stall_timeout)
        return os.strerror(why)

    cdef int _report_cut(self, Link* link, reason) except -1:
        cdef int64_t sent = link.length - link.left
        known, client = <object>link.recipe.recipe, <object>link.client
        took = self._links.now - link.began
        row = link.fd, client, known, link.length, sent, took, reason
        self._turn.cut.append(row)
        if link.cold:
            self._turn.cold = [row for row in self._turn.cold if row[0] != link.fd]
        self._answers.finish(link)
        self._links.end(link, True)
        self._news = True
        return 0
