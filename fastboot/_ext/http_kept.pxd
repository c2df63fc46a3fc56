from libc.stdint cimport int64_t, uint8_t, uint64_t

from fastboot._ext.state cimport State

cdef enum:
    PIECES = 3

cdef struct File:
    int users         # recipes that are about it
    int fd
    char* path
    State state
    int64_t offset    # where in the file the content begins
    bint stale        # it is not the same any more
    void* key         # Python's name for it; touched with the GIL only

cdef struct Recipe:
    int users         # the table, and answers under way
    Recipe* chain     # of the hash table
    Recipe* dead      # of the list of those that nobody uses any more
    uint64_t hash
    bint ranged
    uint8_t* key
    size_t key_size
    uint8_t* pieces[PIECES]
    size_t[PIECES] sizes
    int64_t size      # of the content
    File* file
    void* recipe      # the Python one; touched with the GIL only

cdef struct Part:
    int64_t first
    int64_t length

cdef class Kept:
    cdef dict _slots   # by key, the oldest first
    cdef dict _files   # by path and identity: a pointer
    cdef Recipe** _table
    cdef Recipe* _dead
    cdef bint _stale   # some file is
    cdef uint64_t _seed
    cdef uint8_t* _key

    cdef Recipe* find(
        self, const uint8_t* head, size_t size, Part* part
    ) noexcept nogil
    cdef void release(self, Recipe* recipe) noexcept nogil
    cdef int tidy(self) except -1
    cdef bint _look(self, File* file) noexcept nogil
    cdef int _drop(self, key) except -1
    cdef File* _file(self, recipe, blob) except NULL
    cdef int _free_file(self, File* file) except -1
