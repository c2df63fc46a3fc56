from fastboot._ext.tftp_outlet cimport Outlet
from fastboot._ext.tftp_pictures cimport Pictures
from fastboot._ext.tftp_recall cimport Recipes
from fastboot._ext.tftp_table cimport Transfer

cdef enum:
    FRESH_MAX = 256  # transfers under way that Python does not know of

cdef class Told:
    cdef bint news        # something for Python has happened
    cdef int fresh_count
    cdef list _happened
    cdef dict _entries
    cdef object _reads
    cdef Outlet _outlet
    cdef Pictures _pictures
    cdef Recipes _recipes
    cdef Transfer* _over
    cdef Transfer* _fresh[FRESH_MAX]  # that Python does not know of
    cdef int _untold      # transfers that are over, and it knows of none
    cdef double tell_at   # when it is told at the latest; below 0: there is nothing

    cdef int report(self, item) except -1
    cdef bint is_time(self, double now) noexcept nogil
    cdef bint is_news(self, double now) noexcept nogil
    cdef list hand_up(self, double now)
    cdef void began(self, Transfer* transfer) noexcept nogil
    cdef void ended(self, Transfer* transfer) noexcept nogil
    cdef int tell_all(self) except -1

    cdef void _forget_fresh(self, Transfer* transfer) noexcept nogil
    cdef int _reap_all(self) except -1
    cdef int _tell(self, double until) except -1
    cdef int _adopt(self, Transfer* transfer) except -1
    cdef void _forget_untold(self, Transfer* transfer) noexcept nogil
    cdef int _reap(self, Transfer* transfer) except -1
