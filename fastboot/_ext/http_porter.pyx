# cython: language_level=3
"""How connections come to the compiled front: accepted, and given their places."""

from fastboot.http.door import ACCEPTS, SHORTAGE
from fastboot.http.peer import TCP_NOTSENT_LOWAT, UNSENT, unsent
from fastboot.http.places import Seat

from libc.errno cimport EAGAIN, errno

from fastboot._ext.http_links cimport Link, Links
from fastboot._ext.names cimport name_address, sockaddr, sockaddr_storage

cdef extern from "<netinet/in.h>" nogil:
    int IPPROTO_TCP

cdef extern from "<sys/socket.h>" nogil:
    int SOCK_NONBLOCK
    int SOCK_CLOEXEC
    int accept4(int fd, sockaddr* address, unsigned int* size, int flags)
    int setsockopt(int fd, int level, int name, const void* value, unsigned int size)

cdef extern from "<unistd.h>" nogil:
    int c_close "close" (int fd)

cdef int _unsent_option = TCP_NOTSENT_LOWAT


cdef class Porter:
    """Lets connections in.

    Args:
        links: Where they are then, and are watched.
    """

    def __init__(self, Links links):
        self._links = links

    cdef list admit(self, door, int fd, double deadline):
        """See `fastboot.http.front.Front.admit`."""
        cdef sockaddr_storage peer
        cdef unsigned int size
        cdef int new
        cdef list told = []
        self._links.tell()  # whose places are free
        for _ in range(ACCEPTS):
            with nogil:
                size = sizeof(peer)
                new = accept4(
                    fd, <sockaddr*>&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC
                )
            if new >= 0:
                client = name_address(&peer)
                if self._seat(door, new, client, peer.ss_family, deadline):
                    told.append(new)
            elif errno == EAGAIN:
                break
            elif errno in SHORTAGE:
                door.pause(self._links.now)
                break
        return told

    cdef int _seat(
        self, door, int fd, str client, int family, double deadline
    ) except -1:
        """Give a connection its place, or close it; 1: it is only to be told."""
        cdef Link* link
        seat = door.seat(client)
        if seat is Seat.NONE:
            c_close(fd)
            return 0
        # What the listening socket has of options, it has as well.
        cdef int most = unsent(len(door.room))
        if most != UNSENT:
            setsockopt(fd, IPPROTO_TCP, _unsent_option, &most, sizeof(most))
        if not self._links.watch(fd):
            c_close(fd)  # epoll has no room
            door.room.leave(client)
            return 0
        link = self._links.add(fd, family, client)
        if seat is Seat.TOLD:
            self._links.hand_up(link)
            return 1
        self._links.set_timer(link, deadline - self._links.now)
        return 0
