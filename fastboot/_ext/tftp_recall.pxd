from libc.stdint cimport int64_t, uint8_t, uint64_t

from fastboot._ext.datagrams cimport Address, Inbox
from fastboot._ext.siphash cimport Key
from fastboot._ext.state cimport State
from fastboot._ext.tftp_entry cimport Entry
from fastboot._ext.tftp_frames cimport Image, Source
from fastboot._ext.tftp_transfer cimport Machine

cdef struct Recipe:
    int users          # the table, and transfers under way
    Recipe* chain      # of the hash table
    Recipe* next       # of the list of those that are stale, or that nobody uses
    bint is_stale
    uint64_t hash
    uint8_t* key
    size_t key_size
    double until       # it is not used any more
    char* path
    State state
    Machine machine    # before it starts
    Source source
    Address address    # the client's name is to be filled in
    int segments
    const uint8_t* oack
    size_t oack_size
    Image** image      # the picture's, which may lose it
    int* image_users
    void* keeps        # (the Python one, what `Entry.adopt` takes); needs the GIL

cdef class Recipes:
    cdef dict _kept    # key -> pointer, the oldest first
    cdef Recipe** _table
    cdef Recipe* _stale
    cdef Recipe* _dead
    cdef Key _seed

    cdef Recipe* find(self, Inbox* inbox, int index, double now) noexcept nogil
    cdef void release(self, Recipe* recipe) noexcept nogil
    cdef int keep(self, bytes key, known, Entry like, double until) except -1
    cdef int tidy(self) except -1
    cdef int forget(self) except -1
    cdef int _drop(self, Recipe* recipe) except -1
