# cython: language_level=3
"""What the compiled front answers, and how far each answer has come."""

from fastboot.http.limits import ANSWER_COST, NOTEWORTHY, RENEWALS, SHARE

from libc.errno cimport EAGAIN, ENOMEM
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memmove

from fastboot._ext.epoll cimport EPOLLIN
from fastboot._ext.http_kept cimport Kept, Part, Recipe
from fastboot._ext.http_links cimport Link, Links
from fastboot._ext.http_outlet cimport Outlet, unacknowledged

cdef extern from "<string.h>" nogil:
    void* memmem(const void* where, size_t size, const void* what, size_t n)

cdef int64_t _share = SHARE
cdef int64_t _answer_cost = ANSWER_COST
cdef int64_t _noteworthy = NOTEWORTHY


cdef class Answers:
    """Answers requests that recipes are kept for.

    Args:
        links: Whose requests they are.
        config: The timeouts and limits.
        wall_clock: Seconds since the epoch, for Date.
    """

    def __init__(self, Links links, config, wall_clock):
        self._links = links
        self._rows = []
        self.kept = Kept()
        self.outlet = Outlet(wall_clock)
        self._idle_timeout = config.idle_timeout
        self.stall_timeout = config.stall_timeout
        self._pause = config.stall_timeout / RENEWALS
        self._max_requests = config.max_requests
        self._least = max(1, int(config.min_rate * config.stall_timeout))

    cdef bint find(
        self, Link* link, const uint8_t* head, size_t size
    ) noexcept nogil:
        """Begin the answer to a head that a good recipe is kept for."""
        cdef Part part
        if self.draining or link.requests + 1 >= self._max_requests:
            return False
        link.recipe = self.kept.find(head, size, &part)
        if link.recipe == NULL:
            return False
        link.offset = part.first
        link.left = link.length = part.length
        link.warm_to = -1
        link.began = link.waits_since = self._links.now
        link.begun = False
        link.requests += 1
        self.requests += 1
        self._links.look_at(link, True)
        return True

    cdef Verdict advance(
        self, Link* link, const uint8_t* data, size_t size
    ) noexcept nogil:
        """Send what is under way, then answer `data` or what was sent behind it."""
        cdef uint8_t* rest = link.rest
        cdef Verdict verdict
        if rest != NULL:
            data, size = rest, link.rest_size
            link.rest = NULL
        verdict = self._go_on(link, data, size)
        free(rest)
        self._links.look_at(link, link.recipe != NULL or link.rest != NULL)
        return verdict

    cdef Verdict _go_on(
        self, Link* link, const uint8_t* data, size_t size
    ) noexcept nogil:
        cdef const uint8_t* end
        cdef int64_t share = _share
        while True:
            if link.recipe != NULL:
                share -= self._send(link, share)
                if self.failure and self.failure != EAGAIN:
                    return BROKEN
                if link.left or link.head != NULL:
                    if not self.keep_rest(link, data, size):
                        return BROKEN
                    self.await_room(link, share > 0)
                    return COLD if link.cold else WAITS
                self._complete(link)
                share -= _answer_cost
            if size == 0:
                if self.draining:
                    return DRAINED
                self._links.watch_for(link, EPOLLIN)
                self._links.set_timer(link, self._idle_timeout)
                return WAITS
            end = <const uint8_t*>memmem(data, size, b"\r\n\r\n", 4)
            if end == NULL or not self.find(link, data, end + 4 - data):
                self.keep_rest(link, data, size)
                return UNKNOWN
            # Also where its turn is over: what waits for room is an answer, always.
            size -= end + 4 - data
            data = end + 4
            if share <= 0:
                if not self.keep_rest(link, data, size):
                    return BROKEN
                self.await_room(link, False)
                return WAITS

    cdef bint keep_rest(
        self, Link* link, const uint8_t* data, size_t size
    ) noexcept nogil:
        """Keep requests that wait for their answers; False: there is no memory."""
        if size == 0:
            return True
        link.rest = <uint8_t*>malloc(size)
        if link.rest == NULL:
            self.failure = ENOMEM
            return False
        memmove(link.rest, data, size)
        link.rest_size = size
        return True

    cdef void await_room(self, Link* link, bint full) noexcept nogil:
        """Go on when the socket takes more: at once unless it is `full`."""
        if self._links.await_room(link, full):
            self.renew(link)

    cdef bint expire(self, Link* link) noexcept nogil:
        """Whether a client whose time is over took too little, or waits for its file.

        Room is reported only once half of what the kernel holds is free.
        """
        cdef int64_t taken = link.behind + link.unrenewed - unacknowledged(link.fd)
        if link.cold or taken < self._least:
            return True
        self.renew(link)
        return False

    cdef void renew(self, Link* link) noexcept nogil:
        """Give a client the time again that it has to take so many bytes."""
        link.unrenewed = 0
        link.renewed = self._links.now
        link.behind = unacknowledged(link.fd)
        self._links.set_timer(link, self.stall_timeout)

    cdef void finish(self, Link* link) noexcept nogil:
        """The answer under way is over, one way or the other."""
        self.kept.release(link.recipe)
        link.recipe = NULL
        free(link.head)
        link.head = NULL

    cdef list take_rows(self):
        """The answers that are complete, as `fastboot.http.turn.Turn.sent` has them."""
        self._write_down()
        rows, self._rows = self._rows, []
        return rows

    cdef int _write_down(self) except -1:
        cdef int n
        cdef Sent* sent
        for n in range(self.sent_count):
            sent = &self._sent[n]
            self._rows.append((
                <object>sent.client, <object>sent.recipe.recipe,
                sent.length, sent.seconds,
            ))
            self.kept.release(sent.recipe)
        self.sent_count = 0
        return 0

    cdef int64_t _send(self, Link* link, int64_t share) noexcept nogil:
        """Send what there is room for, `share` bytes at the most; how many it was."""
        self.failure = 0
        cdef int64_t sent = self.outlet.send(link, share, &self.failure)
        self.sent_bytes += sent
        link.unrenewed += sent
        if (
            link.left
            and link.unrenewed >= self._least
            and self._links.now >= link.renewed + self._pause
        ):
            self.renew(link)
        return sent

    cdef void _complete(self, Link* link) noexcept nogil:
        cdef Recipe* recipe = link.recipe
        cdef Sent* sent
        if link.length == recipe.size or link.length >= _noteworthy:
            if self.sent_count == NEWS_MAX:
                with gil:
                    self._write_down()
            sent = &self._sent[self.sent_count]
            self.sent_count += 1
            recipe.users += 1
            sent.client, sent.recipe = link.client, recipe
            sent.length, sent.seconds = link.length, self._links.now - link.began
        self.finish(link)
