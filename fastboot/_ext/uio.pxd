# Reads and writes, of several places at once as well; this has no module of its own.

from libc.stdint cimport int64_t

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len
    ssize_t preadv2(int fd, const iovec* pieces, int count, int64_t offset, int flags)
    ssize_t writev(int fd, const iovec* pieces, int count)
    int RWF_NOWAIT

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int fd, void* data, size_t size, int64_t offset)
