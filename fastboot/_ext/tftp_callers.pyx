# cython: language_level=3
"""Who calls at which door, and who may be answered without Python being asked.

Python decides on each request, by tables and rates of its own, but for what it said how
to answer (`tftp_recall`). Such a request is answered at once while nobody could be
bothered by that; whatever is unusual about its sender goes to Python as ever:

- an address that has several transfers already, or asked in vain not long ago: an
  answer to a request that was sent in somebody else's name goes to him;
- one whose request Python still works on;
- anybody, while as many transfers as there may be run or are half open.

Whoever took a whole file has heard us, and need not be told a port that others cannot
guess: all such share one socket, from which one call takes what came of all of them.

Addresses are counted in a table of fixed size by a keyed hash. Where two share a slot
more goes to Python, and one may be taken for known who is not.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from fastboot._ext.names cimport (
    AF_INET, name_port, sockaddr_in, sockaddr_in6, sockaddr_storage,
)
from fastboot._ext.siphash cimport key_new, siphash

cdef enum:
    SLOTS = 4096
    PRIVILEGED = 1024  # no client's port is below
    SSDP = 1900        # the one service above that answers anything; see `REFLECTORS`


cdef class Callers:
    """The doors, and the table."""

    def __cinit__(self):
        self._slots = <Caller*>calloc(SLOTS, sizeof(Caller))
        self._doors = <Door*>calloc(DOORS_MAX, sizeof(Door))
        self._key = key_new()
        if not (self._slots and self._doors):
            raise MemoryError

    def __dealloc__(self):
        free(self._slots)
        free(self._doors)

    def open(self, pools):
        """Set the doors.

        Args:
            pools: The data sockets behind each.
        """
        cdef Door* door
        cdef int n, port
        self._doors_count = 0
        for fd, ports in pools.items():
            if len(ports) > PORTS_MAX or self._doors_count == DOORS_MAX:
                continue  # what comes to it is Python's
            door = &self._doors[self._doors_count]
            door.fd, door.count = fd, len(ports)
            for n, port in enumerate(ports):
                door.ports[n] = port
            self._doors_count += 1

    def bound(self, int unconfirmed, int transfers, int of_one):
        """Set how many transfers may be half open, run, and run for one address."""
        self._unconfirmed, self._transfers = unconfirmed, transfers
        self._of_one = of_one

    cdef int port(self, int fd, sockaddr_storage* name, double now) noexcept nogil:
        """The data socket for a client of a door; below 0: `fd` is none.

        Whoever sends ACKs in the name of somebody who took no file has to guess it. It
        stays the same while transfers of that address run: requests come again.
        """
        cdef sockaddr_in* ipv4 = <sockaddr_in*>name
        cdef sockaddr_in6* ipv6 = <sockaddr_in6*>name
        cdef uint8_t[22] key
        cdef size_t size
        cdef Caller* caller
        cdef int n
        for n in range(self._doors_count):
            if self._doors[n].fd == fd:
                caller = self._slot(name)
                if caller.live == 0 and caller.questions == 0:
                    caller.is_known = now < caller.proved
                if caller.is_known:
                    return self._doors[n].ports[0]
                if name.ss_family == AF_INET:
                    memcpy(key, &ipv4.sin_port, 2)
                    memcpy(key + 2, &ipv4.sin_addr, 4)
                    size = 6
                else:
                    memcpy(key, &ipv6.sin6_port, 2)
                    memcpy(key + 2, &ipv6.sin6_addr, 16)
                    memcpy(key + 18, &ipv6.sin6_scope_id, 4)
                    size = 22
                return self._doors[n].ports[
                    siphash(key, size, &self._key) % self._doors[n].count
                ]
        return -1

    cdef bint welcome(
        self, sockaddr_storage* name, int unconfirmed, double now
    ) noexcept nogil:
        """Whether a transfer may begin without Python, as things are.

        Args:
            name: Whose.
            unconfirmed: Transfers whose client has acknowledged nothing.
            now: The time.
        """
        cdef sockaddr_in6* ipv6 = <sockaddr_in6*>name
        cdef uint8_t* address = <uint8_t*>&ipv6.sin6_addr
        cdef int port = name_port(name)
        cdef Caller* caller
        if port < PRIVILEGED or port == SSDP:
            return False
        if name.ss_family != AF_INET:
            # A link's own addresses are answered by their interface.
            if address[0] == 0xFE and address[1] & 0xC0 == 0x80:
                return False
        if (
            unconfirmed + self._questions >= self._unconfirmed
            or self.live + self._questions >= self._transfers
        ):
            return False
        caller = self._slot(name)
        return (
            caller.live < self._of_one and caller.questions == 0
            and now >= caller.doubted
        )

    cdef void came(self, sockaddr_storage* name) noexcept nogil:
        """A transfer begins."""
        self._slot(name).live += 1
        self.live += 1

    cdef void left(self, sockaddr_storage* name) noexcept nogil:
        """A transfer is over."""
        self._slot(name).live -= 1
        self.live -= 1

    cdef void prove(self, sockaddr_storage* name, double until) noexcept nogil:
        """That address took a file; until then it is known to hear us."""
        self._slot(name).proved = until

    cdef void doubt(self, sockaddr_storage* name, double until) noexcept nogil:
        """Until then Python is to see what that address asks for."""
        cdef Caller* caller = self._slot(name)
        caller.doubted = max(caller.doubted, until)

    cdef void ask(self, sockaddr_storage* name, int more) noexcept nogil:
        """So many requests more of that address are worked on in Python."""
        self._slot(name).questions += more
        self._questions += more

    cdef Caller* _slot(self, sockaddr_storage* name) noexcept nogil:
        cdef sockaddr_in* ipv4 = <sockaddr_in*>name
        cdef sockaddr_in6* ipv6 = <sockaddr_in6*>name
        cdef uint64_t hashed
        if name.ss_family == AF_INET:
            hashed = siphash(<uint8_t*>&ipv4.sin_addr, 4, &self._key)
        else:
            hashed = siphash(<uint8_t*>&ipv6.sin6_addr, 16, &self._key)
        return &self._slots[hashed & (SLOTS - 1)]
