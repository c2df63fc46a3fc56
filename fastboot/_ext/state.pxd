# The state that a file is in, as stat(2) tells it; this has no module of its own.

from libc.stdint cimport int64_t, uint64_t

from fastboot._ext.clock cimport timespec

cdef extern from "<sys/stat.h>" nogil:
    struct stat_t "stat":
        uint64_t st_dev
        uint64_t st_ino
        int64_t st_size
        timespec st_mtim
        timespec st_ctim
    int stat(const char* path, stat_t* status)
    int fstat(int fd, stat_t* status)

cdef struct State:  # what tells one state of a file from every other
    uint64_t device
    uint64_t inode
    int64_t size
    int64_t mtime_ns
    int64_t ctime_ns


cdef inline int set_state(State* state, tuple identity) except -1:
    """Take it from Python, where it is an `Identity`."""
    state.device, state.inode, state.size = identity[:3]
    state.mtime_ns, state.ctime_ns = identity[3:]
    return 0


cdef inline int64_t nanoseconds(timespec when) noexcept nogil:
    return <int64_t>when.tv_sec * 1000000000 + when.tv_nsec


cdef inline bint is_in_state(const char* path, const State* state) noexcept nogil:
    """Whether the file at a path is still the same, in the same state."""
    cdef stat_t status
    return (
        stat(path, &status) == 0
        and status.st_ino == state.inode and status.st_dev == state.device
        and status.st_size == state.size
        and nanoseconds(status.st_mtim) == state.mtime_ns
        and nanoseconds(status.st_ctim) == state.ctime_ns
    )


cdef inline int is_rewritten(int fd, int64_t mtime_ns, int64_t end) noexcept nogil:
    """Whether a file was written to since `mtime_ns`; below 0: nobody can tell.

    One that only grew beyond `end` has what it had.
    """
    cdef stat_t status
    if fstat(fd, &status) < 0:
        return -1
    return nanoseconds(status.st_mtim) != mtime_ns and status.st_size <= end
