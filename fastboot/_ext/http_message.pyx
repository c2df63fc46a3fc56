# cython: language_level=3, boundscheck=True, wraparound=False
# cython: freethreading_compatible=True
"""The compiled twin of `fastboot.http.message._scan_head`: same results and errors."""

from fastboot.http.limits import MAX_FIELDS, MAX_LINE, BadRequest

cdef Py_ssize_t _max_line = MAX_LINE
cdef Py_ssize_t _max_fields = MAX_FIELDS

# What a byte may be part of; written here and never again.
cdef enum:
    TOKEN = 1   # RFC 9110, section 5.6.2
    TARGET = 2  # all but controls
    VALUE = 4   # all but controls, and the tab

cdef unsigned char[256] _kinds
cdef int _byte
for _byte in range(256):
    _kinds[_byte] = 0
    if _byte >= 0x20 and _byte != 0x7F:
        _kinds[_byte] = TARGET | VALUE
for _byte in b"!#$%&'*+-.^_`|~0123456789":
    _kinds[_byte] |= TOKEN
for _byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
    _kinds[_byte] |= TOKEN
_kinds[0x09] |= VALUE


def scan_head(bytes head not None):
    """Split a head, up to and with its empty line, into its parts.

    Returns:
        Method, target, minor version, and the fields with names in lower case.

    Raises:
        BadRequest: on anything else; nothing else, ever.
    """
    cdef Py_ssize_t begin = 0, stop, newline, number = 0
    cdef list fields = []
    cdef tuple line = ()
    while True:
        newline = _find(head, c"\n", begin, len(head))
        if newline < 0:
            raise BadRequest(400, "a head without an end")
        stop = newline
        if stop > begin and head[stop - 1] == c"\r":
            stop -= 1
        if stop - begin > _max_line:
            raise _line_too_long(number == 0)
        if stop == newline:
            raise BadRequest(400, "a line that does not end with CRLF")
        if number == 0:
            line = _request_line(head, begin, stop)
        elif begin == stop:
            return line[0], line[1], line[2], fields
        elif number > _max_fields:
            raise BadRequest(431, f"more than {_max_fields} fields")
        else:
            fields.append(_field_line(head, begin, stop))
        number += 1
        begin = newline + 1


cdef Py_ssize_t _find(
    bytes head, char what, Py_ssize_t begin, Py_ssize_t stop
) except -2:
    """Where a byte stands first in head[begin:stop]; -1 where it does not."""
    cdef Py_ssize_t at
    for at in range(begin, stop):
        if head[at] == what:
            return at
    return -1


cdef bint _all(bytes head, Py_ssize_t begin, Py_ssize_t stop, int kind) except -1:
    """Whether each byte of head[begin:stop] is of that kind."""
    cdef Py_ssize_t at
    for at in range(begin, stop):
        if not _kinds[<unsigned char> head[at]] & kind:
            return False
    return True


cdef tuple _request_line(bytes head, Py_ssize_t begin, Py_ssize_t stop):
    """Method, target and minor version of the request line head[begin:stop]."""
    cdef Py_ssize_t first = _find(head, c" ", begin, stop)
    cdef Py_ssize_t last = stop - 9  # the space before "HTTP/1.1"
    if (
        first <= begin
        or last <= first + 1
        or not _all(head, begin, first, TOKEN)
        or not _all(head, first + 1, last, TARGET)
        or head[first + 1] == c" "
        or head[last - 1] == c" "
        or head[last:stop - 3] != b" HTTP/"
        or not c"0" <= head[stop - 3] <= c"9"
        or head[stop - 2] != c"."
        or not c"0" <= head[stop - 1] <= c"9"
    ):
        raise BadRequest(400, "not a request line")
    if head[stop - 3] != c"1":
        raise BadRequest(505, "a version other than HTTP/1")
    return head[begin:first], head[first + 1:last], 0 if head[stop - 1] == c"0" else 1


cdef tuple _field_line(bytes head, Py_ssize_t begin, Py_ssize_t stop):
    """Name and value of the field line head[begin:stop], which is not empty."""
    cdef Py_ssize_t colon
    if head[begin] == c" " or head[begin] == c"\t":
        raise BadRequest(400, "a folded field line")
    colon = _find(head, c":", begin, stop)
    if colon <= begin or not _all(head, begin, colon, TOKEN):
        raise BadRequest(400, "not a field line")
    if not _all(head, colon + 1, stop, VALUE):
        raise BadRequest(400, "a control character in a field's value")
    name = head[begin:colon].lower()
    begin = colon + 1
    while begin < stop and (head[begin] == c" " or head[begin] == c"\t"):
        begin += 1
    while begin < stop and (head[stop - 1] == c" " or head[stop - 1] == c"\t"):
        stop -= 1
    return name, head[begin:stop]


cdef object _line_too_long(bint first):
    if first:
        return BadRequest(414, f"a request line longer than {_max_line} bytes")
    return BadRequest(431, f"a field line longer than {_max_line} bytes")
