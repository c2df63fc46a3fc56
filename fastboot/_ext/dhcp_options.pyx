# cython: language_level=3, boundscheck=True, wraparound=False
# cython: freethreading_compatible=True
"""The compiled twins of the option area: `fastboot.dhcp.options` has the originals."""

from fastboot.errors import DecodeError

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.string cimport memcpy

cdef enum:
    PAD = 0
    END = 255
    VALUE_MAX = 255


def decode_area(bytes area not None):
    """The options in an area, as they stand there.

    Raises:
        DecodeError: An option overruns the area; nothing else, ever.
    """
    cdef const unsigned char* data = area
    cdef Py_ssize_t at = 0, size = len(area), stop
    cdef unsigned char code
    cdef list options = []
    while at < size:
        code = data[at]
        at += 1
        if code == END:
            break
        if code == PAD:
            continue
        if at == size:
            raise DecodeError(f"option {code} has no length")
        stop = at + 1 + data[at]
        if stop > size:
            raise DecodeError(f"option {code} overruns its area")
        value = PyBytes_FromStringAndSize(<const char*>data + at + 1, stop - at - 1)
        options.append((code, value))
        at = stop
    return tuple(options)


def encode_area(tuple options not None):
    """The area that holds these options and END; long values are split.

    Raises:
        ValueError: A code is none: PAD, END, or outside 1..254.
    """
    cdef Py_ssize_t size = 1, left, length
    cdef long code
    cdef const unsigned char* source
    cdef unsigned char* target
    cdef bytes value, area
    for number, value in options:
        if not 0 < number < END:
            raise ValueError(f"{number} is no option's code")
        left = len(value)
        size += left + 2 * max(1, (left + VALUE_MAX - 1) // VALUE_MAX)
    area = PyBytes_FromStringAndSize(NULL, size)
    target = area
    for number, value in options:
        code, source, left = number, value, len(value)
        while True:
            length = min(left, VALUE_MAX)
            target[0], target[1] = <unsigned char>code, <unsigned char>length
            memcpy(target + 2, source, length)
            target += 2 + length
            source += length
            left -= length
            if left == 0:
                break
    target[0] = END
    return area
