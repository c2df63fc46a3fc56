from fastboot._ext.http_links cimport Links

cdef class Porter:
    cdef Links _links

    cdef list admit(self, door, int fd, double deadline)
    cdef int _seat(
        self, door, int fd, str client, int family, double deadline
    ) except -1
