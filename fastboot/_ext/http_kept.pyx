# cython: language_level=3
"""Twin of `fastboot.http.kept.Kept`: recipes in a table read without the GIL."""

import os

from fastboot.http.recall import FILES_MAX, HEAD_MAX, HEADS_MAX

from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t, uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from fastboot._ext.state cimport is_in_state, set_state

cdef extern from "<string.h>" nogil:
    void* memmem(const void* where, size_t size, const void* what, size_t n)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef enum:
    BUCKETS = 4096
    FIELD_SIZE = 15
    DIGITS_MAX = 18

cdef const char* _FIELD = b"\r\nRange: bytes="
cdef size_t _head_max = HEAD_MAX


cdef class _Slot:
    """What Python keeps of a recipe."""

    cdef Recipe* recipe


cdef class Kept:
    """See `fastboot.http.kept.Kept`; `forget` gives everything back."""

    def __cinit__(self):
        self._slots = {}
        self._files = {}
        self._table = <Recipe**>calloc(BUCKETS, sizeof(void*))
        # A range's numbers are left out of a key.
        self._key = <uint8_t*>malloc(_head_max)
        self._seed = int.from_bytes(os.urandom(8))
        if not (self._table and self._key):
            raise MemoryError

    def __dealloc__(self):
        free(self._table)
        free(self._key)

    def __len__(self):
        return len(self._slots)

    def keep(self, recipe, blob):
        """Keep a recipe for a blob, in place of an older one for the same head."""
        cdef _Slot slot = _Slot()
        cdef Recipe** bucket
        cdef File* file
        if recipe.key in self._slots:
            self._drop(recipe.key)
        elif len(self._slots) >= HEADS_MAX:
            self._drop(next(iter(self._slots)))
        file = self._file(recipe, blob)
        slot.recipe = _new_recipe(recipe, file)
        slot.recipe.hash = _hash(
            slot.recipe.key, slot.recipe.key_size, self._seed + slot.recipe.ranged
        )
        bucket = &self._table[slot.recipe.hash & (BUCKETS - 1)]
        slot.recipe.chain = bucket[0]
        bucket[0] = slot.recipe
        self._slots[recipe.key] = slot
        self.tidy()

    def forget(self):
        """Forget every recipe; what is under way goes on."""
        for key in list(self._slots):
            self._drop(key)
        self.tidy()

    def sweep(self):
        """Forget recipes whose file is not the same any more; how many are left."""
        cdef _Slot slot
        for slot in self._slots.values():
            self._look(slot.recipe.file)
        self.tidy()
        return len(self._slots)

    cdef Recipe* find(
        self, const uint8_t* head, size_t size, Part* part
    ) noexcept nogil:
        """The recipe for a head, if its file is the same, and what it asks for.

        It is in use until `release`.
        """
        cdef size_t start = 0, stop = 0
        cdef int64_t first = 0, last = 0
        cdef bint ranged = _find_range(head, size, &start, &stop, &first, &last)
        cdef size_t n = size - (stop - start) if ranged else size
        cdef const uint8_t* key = head
        cdef uint64_t hashed
        cdef Recipe* recipe
        if n > _head_max:
            return NULL
        if ranged:
            memcpy(self._key, head, start)
            memcpy(self._key + start, head + stop, size - stop)
            key = self._key
        hashed = _hash(key, n, self._seed + ranged)
        recipe = self._table[hashed & (BUCKETS - 1)]
        while recipe != NULL and not (
            recipe.hash == hashed and recipe.ranged == ranged
            and recipe.key_size == n and memcmp(recipe.key, key, n) == 0
        ):
            recipe = recipe.chain
        if recipe == NULL:
            return NULL
        part.first = 0
        part.length = recipe.size
        if ranged:
            if first > last or first >= recipe.size:
                return NULL
            part.first = first
            part.length = min(last + 1, recipe.size) - first
        if not self._look(recipe.file):
            return NULL
        recipe.users += 1
        return recipe

    cdef void release(self, Recipe* recipe) noexcept nogil:
        """An answer is over, or a recipe forgotten."""
        recipe.users -= 1
        if recipe.users == 0:
            recipe.dead = self._dead
            self._dead = recipe

    cdef int tidy(self) except -1:
        """Let go what nobody uses, and what is not the same any more."""
        cdef _Slot slot
        cdef Recipe* recipe
        if self._stale:
            self._stale = False
            for key in list(self._slots):
                slot = self._slots[key]
                if slot.recipe.file.stale:
                    self._drop(key)
        while self._dead != NULL:
            recipe = self._dead
            self._dead = recipe.dead
            recipe.file.users -= 1
            if recipe.file.users == 0:
                self._free_file(recipe.file)
            _free_recipe(recipe)
        return 0

    cdef bint _look(self, File* file) noexcept nogil:
        """Whether the file at a path is still the same, in the same state."""
        if file.stale:
            return False
        if is_in_state(file.path, &file.state):
            return True
        file.stale = True
        self._stale = True
        return False

    cdef int _drop(self, key) except -1:
        cdef _Slot slot = self._slots.pop(key)
        cdef Recipe** place = &self._table[slot.recipe.hash & (BUCKETS - 1)]
        while place[0] != slot.recipe:
            place = &place[0].chain
        place[0] = slot.recipe.chain
        self.release(slot.recipe)
        return 0

    cdef File* _file(self, recipe, blob) except NULL:
        """The file of a recipe, one that is open already or a new one."""
        cdef File* file
        cdef _Slot slot
        key = (recipe.path, recipe.identity)
        if key in self._files:
            file = <File*><uintptr_t>self._files[key]
            if not file.stale:
                return file
        elif len(self._files) >= FILES_MAX and self._slots:
            # Not the oldest file: its answer may be under way for hours.
            slot = next(iter(self._slots.values()))
            slot.recipe.file.stale = self._stale = True
            self.tidy()
        path = os.fsencode(recipe.path)
        descriptor = os.dup(blob.fd)  # before anything that it would leave behind
        file = <File*>calloc(1, sizeof(File))
        if file == NULL:
            raise MemoryError
        file.path = <char*>_copy(path, len(path) + 1)
        set_state(&file.state, recipe.identity)
        file.offset = blob.offset
        file.fd = descriptor
        file.key = <void*>key
        Py_INCREF(key)
        self._files[key] = <uintptr_t>file
        return file

    cdef int _free_file(self, File* file) except -1:
        key = <object>file.key
        if self._files.get(key) == <uintptr_t>file:
            del self._files[key]
        close(file.fd)
        free(file.path)
        free(file)
        Py_DECREF(key)
        return 0


cdef Recipe* _new_recipe(known, File* file) except NULL:
    cdef Recipe* recipe = <Recipe*>calloc(1, sizeof(Recipe))
    cdef bytes key = known.key[0], piece
    cdef int n
    if recipe == NULL:
        raise MemoryError
    recipe.users = 1
    recipe.ranged = known.key[1]
    recipe.key_size = len(key)
    recipe.key = _copy(key, len(key))
    for n, piece in enumerate(known.pieces):
        recipe.sizes[n] = len(piece)
        recipe.pieces[n] = _copy(piece, len(piece))
    recipe.size = known.size
    recipe.file = file
    file.users += 1
    recipe.recipe = <void*>known
    Py_INCREF(known)
    return recipe


cdef int _free_recipe(Recipe* recipe) except -1:
    cdef int n
    for n in range(PIECES):
        free(recipe.pieces[n])
    free(recipe.key)
    Py_DECREF(<object>recipe.recipe)
    free(recipe)
    return 0


cdef uint8_t* _copy(bytes data, size_t size) except NULL:
    """The bytes in memory of their own; a bytes object has a NUL behind its last."""
    cdef uint8_t* place = <uint8_t*>malloc(size + 1)
    if place == NULL:
        raise MemoryError
    memcpy(place, <const char*>data, size)
    return place


cdef uint64_t _hash(const uint8_t* data, size_t size, uint64_t seed) noexcept nogil:
    """Eight bytes at a time, mixed as splitmix64 does; the seed is nobody's to know."""
    cdef uint64_t hashed = seed ^ size, word
    while size:
        word = 0
        memcpy(&word, data, min(size, <size_t>8))
        hashed = (hashed ^ word) * <uint64_t>0x9E3779B97F4A7C15U
        hashed ^= hashed >> 29
        data += min(size, <size_t>8)
        size -= min(size, <size_t>8)
    hashed = (hashed ^ hashed >> 30) * <uint64_t>0xBF58476D1CE4E5B9U
    return hashed ^ hashed >> 27


cdef bint _find_range(
    const uint8_t* head, size_t size, size_t* start, size_t* stop,
    int64_t* first, int64_t* last,
) noexcept nogil:
    """Where the numbers of a single range stand; see `fastboot.http.recall.split`."""
    cdef const uint8_t* end = head + size
    cdef const uint8_t* at = head
    cdef const uint8_t* digits
    while True:
        at = <const uint8_t*>memmem(at, end - at, _FIELD, FIELD_SIZE)
        if at == NULL:
            return False
        at += FIELD_SIZE
        digits = _number(at, end, first)
        if digits == NULL or digits == end or digits[0] != c"-":
            continue
        digits = _number(digits + 1, end, last)
        if digits == NULL or end - digits < 2:
            continue
        if digits[0] == c"\r" and digits[1] == c"\n":
            start[0] = at - head
            stop[0] = digits - head
            return True


cdef const uint8_t* _number(
    const uint8_t* at, const uint8_t* end, int64_t* value
) noexcept nogil:
    """Read one to 18 digits; where they end, NULL where there are none or more."""
    cdef int n = 0
    value[0] = 0
    while at < end and c"0" <= at[0] <= c"9":
        n += 1
        if n > DIGITS_MAX:
            return NULL
        value[0] = value[0] * 10 + (at[0] - c"0")
        at += 1
    return at if n else NULL
