# cython: language_level=3
"""DATA packets ready to be sent: blocks with their headers, one behind the other.

    +--------+--------+---------+--------+--------+---------+---
    | 0x0003 | n      | payload | 0x0003 | n + 1  | payload | ...
    +--------+--------+---------+--------+--------+---------+---

They are the same for every client of the same file and block size, so that an `Image`
keeps them, a chunk at a time, within a budget of bytes. A file is read straight into
its place behind the headers and never mapped: one that is cut short is an error here
and no signal. What is not in memory is not waited for (see `fastboot.cold`): whoever
wanted it comes again with the part that a thread has read.
"""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from fastboot._ext.state cimport is_rewritten
from fastboot._ext.uio cimport RWF_NOWAIT, iovec, pread, preadv2

cdef enum:
    HEADER = 4
    VECTOR = 256  # blocks read by one call
    CHUNK_BYTES = 1 << 18
    CHUNK_BLOCKS = 64  # at the least: a window spans two chunks at the most


cdef void _head(unsigned char* out, int64_t number) noexcept nogil:
    out[0] = 0
    out[1] = 3
    out[2] = (number >> 8) & 0xFF
    out[3] = number & 0xFF


cdef int _read(int fd, unsigned char* out, int64_t count, int64_t at) noexcept nogil:
    """Read `count` bytes; 0, or what is wrong."""
    cdef ssize_t got
    while count > 0:
        got = pread(fd, out, count, at)
        if got == 0:
            return CUT_SHORT
        if got < 0:
            if errno == EINTR:
                continue
            return UNREADABLE_FILE
        out += got
        at += got
        count -= got
    return 0


cdef int _read_blocks(
    Source* source, iovec* pieces, int count, int64_t at, int64_t wanted
) noexcept nogil:
    cdef ssize_t got
    cdef int failure, n
    if source.slow:
        return COLD
    got = preadv2(source.fd, pieces, count, at, RWF_NOWAIT)
    if got == wanted:
        return 0
    if got > 0:  # there is no more of it, or not in memory
        got = preadv2(source.fd, pieces, 1, at + got, RWF_NOWAIT)
    if got == 0:
        return CUT_SHORT
    if got > 0 or errno == EAGAIN:
        return COLD
    for n in range(count):  # a file system that does not know the question
        failure = _read(
            source.fd, <unsigned char*>pieces[n].iov_base, pieces[n].iov_len, at
        )
        if failure:
            return failure
        at += pieces[n].iov_len
    return 0


cdef const unsigned char* _part(Source* source) noexcept nogil:
    """Where content begins of which a thread has read what is wanted; or NULL."""
    cdef int64_t before = source.wanted_at - source.part_at
    if source.part == NULL or before < 0 or before + source.wanted > source.part_size:
        return NULL
    return source.part + source.offset - source.part_at


cdef int64_t frame(
    Source* source, int blksize, int64_t first, int64_t count, unsigned char* out
) noexcept nogil:
    """Write the packets of `count` blocks from `first`; their bytes, or what is wrong.

    `first` and `count` lie within the file's blocks.
    """
    cdef iovec[VECTOR] pieces
    cdef int64_t place = (first - 1) * blksize
    cdef int64_t total = 0, wanted = 0, start = source.offset + place, length, n
    cdef int filled = 0, failure
    cdef const unsigned char* memory = source.data
    if source.fd != IN_MEMORY:
        source.wanted_at = start
        source.wanted = min(count * blksize, source.size - place)
        memory = _part(source)
    for n in range(count):
        length = min(<int64_t>blksize, source.size - place)
        _head(out + total, first + n)
        total += HEADER
        if memory != NULL:
            memcpy(out + total, memory + place, length)
        else:
            pieces[filled].iov_base = out + total
            pieces[filled].iov_len = length
            filled += 1
            wanted += length
            if filled == VECTOR or n == count - 1:
                failure = _read_blocks(source, pieces, filled, start, wanted)
                if failure:
                    return failure
                start += wanted
                wanted = 0
                filled = 0
        total += length
        place += length
    return total


cdef int verify(Source* source) noexcept nogil:
    """Whether the file is as it was when it was opened: 0, or REWRITTEN.

    One that is not held was not read: all that was sent came from an image. Of a slow
    one each part was looked at when it was read.
    """
    cdef int rewritten
    if source.fd < 0 or source.slow:
        return 0
    rewritten = is_rewritten(source.fd, source.mtime_ns, source.offset + source.size)
    if rewritten < 0:
        return UNREADABLE_FILE
    return REWRITTEN if rewritten else 0


cdef Image* image_new(Source* source, int blksize) noexcept nogil:
    """An image without any chunk yet; NULL where memory has run out."""
    cdef Image* image = <Image*>calloc(1, sizeof(Image))
    if image == NULL:
        return NULL
    image.source = source[0]
    image.blksize = blksize
    image.last = source.size // blksize + 1
    image.per_chunk = <int64_t>CHUNK_BYTES // (blksize + HEADER)
    image.per_chunk = max(image.per_chunk, <int64_t>CHUNK_BLOCKS)
    image.chunks_count = (image.last + image.per_chunk - 1) // image.per_chunk
    image.missing = image.chunks_count
    image.chunks = <unsigned char**>calloc(image.chunks_count, sizeof(void*))
    if image.chunks == NULL:
        free(image)
        return NULL
    return image


cdef int64_t _chunk_bytes(Image* image, int64_t index) noexcept nogil:
    cdef int64_t begin = index * image.per_chunk
    cdef int64_t end = min(begin + image.per_chunk, image.last)
    cdef int64_t payload = min(end * image.blksize, image.source.size) - (
        begin * image.blksize
    )
    return (end - begin) * HEADER + payload


cdef unsigned char* image_find(
    Image* image, int64_t first, int64_t* there
) noexcept nogil:
    """The packet of block `first`, and how many packets follow it without a gap.

    NULL: it was not read yet.
    """
    cdef int64_t index = (first - 1) // image.per_chunk
    cdef int64_t begin = index * image.per_chunk
    cdef unsigned char* chunk = image.chunks[index]
    if chunk == NULL:
        return NULL
    there[0] = begin + min(image.per_chunk, image.last - begin) - first + 1
    return chunk + (first - 1 - begin) * (image.blksize + HEADER)


cdef unsigned char* image_read(
    Image* image, Source* source, int64_t first, int64_t* there, Budget* budget,
    int* failure
) noexcept nogil:
    """Read what `image_find` did not find; the same is returned.

    NULL with `failure` 0: there is no room for it within the budget.
    """
    cdef int64_t index = (first - 1) // image.per_chunk
    cdef int64_t begin = index * image.per_chunk
    cdef int64_t count = min(image.per_chunk, image.last - begin)
    cdef int64_t size = _chunk_bytes(image, index), written
    cdef unsigned char* chunk
    if budget.used + size > budget.limit:
        return NULL
    chunk = <unsigned char*>malloc(size)
    if chunk == NULL:
        return NULL
    written = frame(source, image.blksize, begin + 1, count, chunk)
    failure[0] = written if written < 0 else verify(source)
    if failure[0]:
        free(chunk)
        return NULL
    image.chunks[index] = chunk
    image.missing -= 1
    budget.used += size
    return image_find(image, first, there)


cdef int64_t image_free(Image* image) noexcept nogil:
    """Give an image's memory back; how many bytes of the budget that frees."""
    cdef int64_t index, freed = 0
    for index in range(image.chunks_count):
        if image.chunks[index] != NULL:
            freed += _chunk_bytes(image, index)
            free(image.chunks[index])
    free(image.chunks)
    free(image)
    return freed
