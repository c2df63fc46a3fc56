# cython: language_level=3
"""What Python said how to answer; see `fastboot.tftp.recall`.

A recipe is good while the file at its path is the same, the whole of it is in its
image, and its time is not over: what else an answer depends on, such as an interface's
MTU, changes seldom, and is looked at again then. It holds no file open.
"""

import os

from fastboot.tftp.recall import KEPT, REQUEST_MAX

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from fastboot._ext.datagrams cimport ORIGIN_MAX, Inbox, inbox_origin
from fastboot._ext.siphash cimport key_new, siphash
from fastboot._ext.state cimport is_in_state, set_state
from fastboot._ext.tftp_entry cimport Entry, machine_for
from fastboot._ext.tftp_frames cimport NOT_HELD
from fastboot._ext.tftp_pictures cimport Picture

cdef enum:
    BUCKETS = 1024
    REQUEST_ROOM = 512

assert REQUEST_MAX <= REQUEST_ROOM


cdef class Recipes:
    """The recipes there are; `forget` gives everything back."""

    def __cinit__(self):
        self._kept = {}
        self._table = <Recipe**>calloc(BUCKETS, sizeof(void*))
        self._seed = key_new()
        if not self._table:
            raise MemoryError

    def __dealloc__(self):
        free(self._table)

    cdef int keep(self, bytes key, known, Entry like, double until) except -1:
        """Keep a recipe, in place of an older one for the same request.

        Args:
            key: Where the request came to, as `inbox_origin` writes it, and its bytes.
            known: The Python one.
            like: A transfer that began as those by the recipe are to begin.
            until: When it is not to be used any more.
        """
        cdef Recipe* recipe
        cdef Recipe** bucket
        self.tidy()  # what is in one of its lists must not come into the other
        if like.picture is None or like.picture.image.missing:
            return 0
        if key in self._kept:
            self._drop(<Recipe*><uintptr_t>self._kept[key])
        elif len(self._kept) >= KEPT:
            self._drop(<Recipe*><uintptr_t>next(iter(self._kept.values())))
        recipe = _new(key, known, like)
        recipe.until = until
        recipe.hash = siphash(recipe.key, recipe.key_size, &self._seed)
        bucket = &self._table[recipe.hash & (BUCKETS - 1)]
        recipe.chain = bucket[0]
        bucket[0] = recipe
        self._kept[key] = <uintptr_t>recipe
        return 0

    cdef Recipe* find(self, Inbox* inbox, int index, double now) noexcept nogil:
        """The recipe for a datagram; NULL: there is none that is good."""
        cdef uint8_t[ORIGIN_MAX + REQUEST_ROOM] key
        cdef int origin = inbox_origin(inbox, index, key)
        cdef size_t size = inbox.messages[index].msg_len
        cdef uint64_t hashed
        cdef Recipe* recipe
        if origin < 0 or size > REQUEST_ROOM:
            return NULL
        memcpy(key + origin, inbox.pieces[index].iov_base, size)
        size += origin
        hashed = siphash(key, size, &self._seed)
        recipe = self._table[hashed & (BUCKETS - 1)]
        while recipe != NULL and not (
            recipe.hash == hashed and recipe.key_size == size
            and memcmp(recipe.key, key, size) == 0
        ):
            recipe = recipe.chain
        if recipe == NULL or recipe.is_stale:
            return NULL
        if (
            now < recipe.until and recipe.image[0] != NULL
            and is_in_state(recipe.path, &recipe.state)
        ):
            return recipe
        recipe.is_stale = True
        recipe.next = self._stale
        self._stale = recipe
        return NULL

    cdef void release(self, Recipe* recipe) noexcept nogil:
        """A transfer by it is over, or it is forgotten."""
        recipe.users -= 1
        if recipe.users == 0:
            recipe.next = self._dead
            self._dead = recipe

    cdef int tidy(self) except -1:
        """Let go what is not good any more, and what nobody uses."""
        cdef Recipe* recipe
        while self._stale != NULL:
            recipe = self._stale
            self._stale = recipe.next
            self._drop(recipe)
        while self._dead != NULL:
            recipe = self._dead
            self._dead = recipe.next
            _free(recipe)
        return 0

    cdef int forget(self) except -1:
        """Forget every recipe; transfers under way go on."""
        self.tidy()
        for address in list(self._kept.values()):
            self._drop(<Recipe*><uintptr_t>address)
        return self.tidy()

    cdef int _drop(self, Recipe* recipe) except -1:
        cdef Recipe** place = &self._table[recipe.hash & (BUCKETS - 1)]
        cdef bytes key = PyBytes_FromStringAndSize(<char*>recipe.key, recipe.key_size)
        del self._kept[key]
        while place[0] != recipe:
            place = &place[0].chain
        place[0] = recipe.chain
        self.release(recipe)
        return 0


cdef Recipe* _new(bytes key, known, Entry like) except NULL:
    cdef Recipe* recipe
    cdef Picture picture = like.picture
    cdef bytes path = os.fsencode(known.path)
    recipe = <Recipe*>calloc(1, sizeof(Recipe))
    if recipe == NULL:
        raise MemoryError
    recipe.users = 1
    recipe.key_size = len(key)
    recipe.key = _copy(key, len(key))
    recipe.path = <char*>_copy(path, len(path) + 1)
    if recipe.key == NULL or recipe.path == NULL:
        free(recipe.key)
        free(recipe.path)
        free(recipe)
        raise MemoryError
    set_state(&recipe.state, known.identity)
    machine_for(&recipe.machine, recipe.state.size, like.job.terms)
    recipe.source = like.transfer.source
    recipe.source.fd = NOT_HELD
    recipe.address = like.transfer.address
    recipe.segments = like.transfer.segments
    recipe.oack, recipe.oack_size = like.transfer.oack, like.transfer.oack_size
    recipe.image, recipe.image_users = &picture.image, &picture.users
    keeps = (known, like.ancillary, picture, like.oack)
    recipe.keeps = <void*>keeps
    Py_INCREF(keeps)
    return recipe


cdef int _free(Recipe* recipe) except -1:
    keeps = <object>recipe.keeps
    free(recipe.key)
    free(recipe.path)
    free(recipe)
    Py_DECREF(keeps)
    return 0


cdef uint8_t* _copy(bytes data, size_t size) noexcept:
    """The bytes in memory of their own; a bytes object has a NUL behind its last."""
    cdef uint8_t* place = <uint8_t*>malloc(size + 1)
    if place != NULL:
        memcpy(place, PyBytes_AS_STRING(data), size)
    return place
