from libc.stdint cimport int64_t

cdef enum:
    CUT_SHORT = -1
    REWRITTEN = -2
    UNREADABLE_FILE = -3
    LET_GO = -4
    COLD = -5  # it is not in memory; `wanted_at` and `wanted` say what to read

cdef enum:
    IN_MEMORY = -1  # in place of a descriptor: the bytes are at `data`
    NOT_HELD = -2   # nobody has needed the file yet

cdef struct Source:
    int fd
    int64_t offset
    int64_t size
    const unsigned char* data
    int64_t mtime_ns
    bint slow  # what is not in `part` counts as cold
    const unsigned char* part  # what a thread has read of the file; NULL: nothing
    int64_t part_at
    int64_t part_size
    int64_t wanted_at
    int64_t wanted

cdef struct Image:
    Source source  # its size; its bytes are read from the source of each user
    int blksize
    int64_t last  # the final block's number
    int64_t per_chunk  # blocks in a chunk
    int64_t chunks_count
    int64_t missing  # chunks that were not read yet
    unsigned char** chunks

cdef struct Budget:
    int64_t limit
    int64_t used

cdef int64_t frame(
    Source* source, int blksize, int64_t first, int64_t count, unsigned char* out
) noexcept nogil
cdef int verify(Source* source) noexcept nogil
cdef Image* image_new(Source* source, int blksize) noexcept nogil
cdef unsigned char* image_find(
    Image* image, int64_t first, int64_t* there
) noexcept nogil
cdef unsigned char* image_read(
    Image* image, Source* source, int64_t first, int64_t* there, Budget* budget,
    int* failure
) noexcept nogil
cdef int64_t image_free(Image* image) noexcept nogil
