# cython: language_level=3
"""The transfers of a carrier, found by socket and peer without Python objects."""

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

from fastboot._ext.names cimport name_equal, name_hash, sockaddr_storage


cdef int table_init(Table* table, uint64_t seed) except -1:
    """Make an empty table; one who does not know `seed` cannot make it slow."""
    table.buckets = <Transfer**>calloc(BUCKETS, sizeof(void*))
    if table.buckets == NULL:
        raise MemoryError
    table.seed = seed
    return 0


cdef void table_free(Table* table) noexcept nogil:
    free(table.buckets)


cdef Transfer* table_find(
    Table* table, int fd, sockaddr_storage* name
) noexcept nogil:
    """The transfer in C of a peer at a socket; NULL: there is none."""
    cdef uint64_t hashed = name_hash(name, table.seed ^ fd)
    cdef Transfer* transfer = table.buckets[hashed & (BUCKETS - 1)]
    while transfer != NULL:
        if (
            transfer.hash == hashed and transfer.fd == fd
            and name_equal(&transfer.address.name, name)
        ):
            return transfer
        transfer = transfer.chain
    return NULL


cdef void table_add(Table* table, Transfer* transfer) noexcept nogil:
    cdef Transfer** bucket
    transfer.hash = name_hash(&transfer.address.name, table.seed ^ transfer.fd)
    bucket = &table.buckets[transfer.hash & (BUCKETS - 1)]
    transfer.chain = bucket[0]
    bucket[0] = transfer


cdef void table_remove(Table* table, Transfer* transfer) noexcept nogil:
    """Take a transfer out; one that is not in it stays so."""
    cdef Transfer** place = &table.buckets[transfer.hash & (BUCKETS - 1)]
    while place[0] != NULL:
        if place[0] == transfer:
            place[0] = transfer.chain
            return
        place = &place[0].chain
