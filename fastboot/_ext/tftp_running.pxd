from fastboot._ext.names cimport sockaddr_storage
from fastboot._ext.tftp_callers cimport Callers
from fastboot._ext.tftp_entry cimport Entry
from fastboot._ext.tftp_outlet cimport Outlet
from fastboot._ext.tftp_pictures cimport Pictures
from fastboot._ext.tftp_recall cimport Recipe, Recipes
from fastboot._ext.tftp_table cimport Table, Transfer
from fastboot._ext.tftp_told cimport Told
from fastboot._ext.tftp_transfer cimport Burst
from fastboot._ext.wheel cimport Wheel

cdef enum:
    DOUBTED_FOR = 61  # seconds, after a request in vain; longer than `UNHEARD_FOR`
    PROVED_FOR = 600  # seconds, after a file that came across

cdef class Running:
    cdef double now
    cdef int unconfirmed
    cdef dict entries    # by line
    cdef object _ports
    cdef object _reads   # of what is not in memory
    cdef Wheel _wheel
    cdef Table table
    cdef Outlet outlet
    cdef Callers callers
    cdef Recipes recipes
    cdef Told told
    cdef Pictures _pictures

    cdef double due(self) noexcept nogil
    cdef int begin(self, line, job) except -1
    cdef bint is_welcome(self, sockaddr_storage* name) noexcept nogil
    cdef bint begin_by(
        self, Recipe* recipe, sockaddr_storage* name, int port
    ) noexcept nogil
    cdef int repeat(self, Entry entry) except -1
    cdef int end(self, Entry entry, str reason, bint tell) except -1
    cdef void acknowledge(self, Transfer* transfer, int wire) noexcept nogil
    cdef int take_for(self, Entry entry, bytes data) except -1
    cdef void expire(self) noexcept nogil
    cdef int resume(self, Entry entry, part) except -1

    cdef void _tick_python(self, Transfer* transfer) noexcept
    cdef int _step(self, Entry entry, step) except -1
    cdef void _emit(self, Transfer* transfer, Burst burst) noexcept nogil
    cdef void _give_up(self, Transfer* transfer) noexcept nogil
    cdef void _wait_for_file(self, Transfer* transfer) noexcept
    cdef void _retire(self, Transfer* transfer) noexcept nogil
