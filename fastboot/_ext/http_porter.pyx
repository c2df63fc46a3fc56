# cython: language_level=3
"""How connections come to the compiled front: accepted, and given their places."""

from fastboot.http.door import ACCEPTS, SHORTAGE
from fastboot.http.peer import TCP_NOTSENT_LOWAT, UNSENT, unsent
from fastboot.http.places import Seat

from libc.errno cimport EAGAIN, errno

from fastboot._ext.http_links cimport Link, Links

cdef extern from "<arpa/inet.h>" nogil:
    const char* inet_ntop(int family, const void* source, char* to, unsigned int size)

cdef extern from "<netinet/in.h>" nogil:
    int IPPROTO_TCP
    struct sockaddr_in:
        int sin_addr
    struct sockaddr_in6:
        int sin6_addr

cdef extern from "<sys/socket.h>" nogil:
    struct sockaddr:
        unsigned short sa_family
    struct sockaddr_storage:
        pass
    int AF_INET
    int SOCK_NONBLOCK
    int SOCK_CLOEXEC
    int accept4(int fd, sockaddr* address, unsigned int* size, int flags)
    int setsockopt(int fd, int level, int name, const void* value, unsigned int size)

cdef extern from "<unistd.h>" nogil:
    int c_close "close" (int fd)

cdef enum:
    ADDRESS = 64  # bytes that an address takes as text

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
        cdef sockaddr_storage address
        cdef sockaddr* peer = <sockaddr*>&address
        cdef unsigned int size
        cdef int new
        cdef list told = []
        self._links.tell()  # whose places are free
        for _ in range(ACCEPTS):
            with nogil:
                size = sizeof(address)
                new = accept4(fd, peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if new >= 0:
                client = _text(peer)
                if self._seat(door, new, client, peer.sa_family, deadline):
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


cdef str _text(const sockaddr* address):
    """An address as Python's sockets write it."""
    cdef char[ADDRESS] text
    cdef const void* source = &(<const sockaddr_in*>address).sin_addr
    if address.sa_family != AF_INET:
        source = &(<const sockaddr_in6*>address).sin6_addr
    inet_ntop(address.sa_family, source, text, ADDRESS)
    return (<const char*>text).decode("ascii")
