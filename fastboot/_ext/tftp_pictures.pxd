from libc.stdint cimport int64_t

from fastboot._ext.tftp_frames cimport Budget, Image, Source

cdef class Picture:
    cdef Image* image
    cdef int users

cdef class Pictures:
    cdef Budget budget
    cdef dict _pictures

    cdef Picture take(self, Source* source, int blksize, tuple identity)
    cdef void give_back(self, Picture picture) noexcept
    cdef int _make_room(self, int64_t wanted) except -1
