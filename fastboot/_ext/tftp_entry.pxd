from fastboot._ext.tftp_pictures cimport Picture
from fastboot._ext.tftp_table cimport Transfer

from fastboot._ext.tftp_transfer cimport Machine
from libc.stdint cimport int64_t

cdef int machine_for(Machine* machine, int64_t size, terms) except -1

cdef class Entry:
    cdef Transfer* transfer
    cdef object line
    cdef object job
    cdef object ancillary
    cdef object sender  # a Python sender, or None where the machine is in C
    cdef Picture picture
    cdef bytes oack
    cdef bytes data
    cdef bytes part  # what a thread has read of the file
    cdef str reason

    cdef void hold(self) noexcept
    cdef int warm(self, part) except -1
    cdef int adopt(
        self, line, Transfer* transfer, ancillary, Picture picture, oack
    ) except -1
    cdef int let_go(self) except -1
    cdef int _in_c(self, blob) except -1
    cdef object ended(self)
