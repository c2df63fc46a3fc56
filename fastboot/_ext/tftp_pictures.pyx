# cython: language_level=3
"""Framed files, shared by all transfers that send the same one in the same blocks."""

from libc.stdint cimport int64_t

from fastboot._ext.tftp_frames cimport Source, image_free, image_new

cdef enum:
    IMAGES_MAX = 256


cdef class Picture:
    """An image, and how many transfers use it."""

    def __dealloc__(self):
        if self.image != NULL:
            image_free(self.image)


cdef class Pictures:
    """The images there are, within a budget of bytes.

    Args:
        limit: The budget; 0: there are none.
    """

    def __init__(self, limit):
        self.budget.limit = limit
        self._pictures = {}  # the one longest unused first

    cdef Picture take(self, Source* source, int blksize, tuple identity):
        """The picture of a file, made where there is none; None: without one.

        Args:
            source: The file.
            blksize: Bytes of its blocks.
            identity: What tells its content from any other.
        """
        cdef Picture picture
        if self.budget.limit == 0:
            return None
        key = (identity, blksize)
        picture = self._pictures.pop(key, None)
        if picture is None:
            self._make_room(source.size)
            picture = Picture()
            picture.image = image_new(source, blksize)
            if picture.image == NULL:
                return None
        picture.users += 1
        self._pictures[key] = picture
        return picture

    cdef void give_back(self, Picture picture) noexcept:
        """A transfer that took it is over; None is no picture."""
        if picture is not None:
            picture.users -= 1

    cdef int _make_room(self, int64_t wanted) except -1:
        """Forget images that nobody uses, the one longest unused first."""
        cdef Picture picture
        cdef int64_t room = min(wanted * 2, self.budget.limit)
        for key in list(self._pictures):
            if (
                self.budget.used + room <= self.budget.limit
                and len(self._pictures) < IMAGES_MAX
            ):
                return 0
            picture = self._pictures[key]
            if picture.users == 0:
                del self._pictures[key]
                self.budget.used -= image_free(picture.image)
                picture.image = NULL
        return 0
