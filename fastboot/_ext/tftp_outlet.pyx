# cython: language_level=3
"""What leaves: packets of all transfers of a turn, collected into few system calls.

What the socket has no room for waits in line, whoever waits longest first, until it
has room again.
"""

from fastboot.poller import READ, WRITE

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc

from fastboot._ext.outbox cimport (
    outbox_begin, outbox_flush, outbox_free, outbox_has_room, outbox_init,
    outbox_piece,
)
from fastboot._ext.tftp_entry cimport Entry
from fastboot._ext.tftp_frames cimport NOT_HELD, frame, image_find, image_read, verify
from fastboot._ext.tftp_pictures cimport Pictures
from fastboot._ext.tftp_table cimport Transfer
from fastboot._ext.tftp_transfer cimport Burst, Machine

cdef enum:
    SCRATCH = 8 << 20  # bytes framed outside of any image before they are sent
    HEADER = 4


cdef class Outlet:
    """Sends the bursts of transfers.

    Args:
        poller: Told which sockets are waited for until they have room.
        pictures: What images may take.
    """

    def __cinit__(self):
        self._scratch = <uint8_t*>malloc(SCRATCH)
        if not self._scratch:
            raise MemoryError
        outbox_init(&self._outbox)

    def __dealloc__(self):
        free(self._scratch)
        outbox_free(&self._outbox)

    def __init__(self, poller, Pictures pictures):
        self._poller = poller
        self._pictures = pictures

    cdef void queue_bytes(
        self, Transfer* transfer, const uint8_t* data, size_t size, void* owner
    ) noexcept nogil:
        if not outbox_has_room(&self._outbox, transfer.fd, 1):
            self.flush()
        outbox_begin(&self._outbox, transfer.fd, &transfer.address, 0, owner, 0)
        outbox_piece(&self._outbox, data, size)

    cdef bint queue(self, Transfer* transfer, Burst burst) noexcept nogil:
        """Take a burst to be sent; False: the file cannot be read as it was.

        Or it is COLD: `unsent` says from where on.
        """
        cdef int64_t first = burst.first, left = burst.count, there
        cdef uint8_t* packets
        if first == 0:
            self.queue_bytes(transfer, transfer.oack, transfer.oack_size, transfer)
            return True
        if first + left - 1 == transfer.machine.last:
            transfer.failure = verify(&transfer.source)
            if transfer.failure:
                return False
        while left > 0:
            packets = NULL
            if transfer.image != NULL:
                packets = image_find(transfer.image, first, &there)
            if packets == NULL:
                packets = self._read(transfer, first, left, &there)
                if packets == NULL:
                    transfer.unsent = first
                    return False
            there = min(left, there)
            self._queue_packets(transfer, first, there, packets)
            first += there
            left -= there
        return True

    cdef uint8_t* _read(
        self, Transfer* transfer, int64_t first, int64_t count, int64_t* there
    ) noexcept nogil:
        """Packets that are in no image yet; NULL: the file cannot be read."""
        cdef uint8_t* packets = NULL
        transfer.failure = 0
        if transfer.source.fd == NOT_HELD:
            with gil:
                (<Entry>transfer.entry).hold()
        if transfer.image != NULL and not transfer.failure:
            packets = image_read(
                transfer.image, &transfer.source, first, there,
                &self._pictures.budget, &transfer.failure,
            )
        if packets == NULL and not transfer.failure:
            there[0] = min(
                count, <int64_t>SCRATCH // (transfer.machine.blksize + HEADER)
            )
            packets = self._frame(transfer, first, there[0])
        return packets

    cdef uint8_t* _frame(
        self, Transfer* transfer, int64_t first, int64_t count
    ) noexcept nogil:
        """Packets in memory that is free again once the outbox is empty."""
        cdef int64_t most = count * (transfer.machine.blksize + HEADER), written
        cdef uint8_t* place
        if self._scratch_used + most > SCRATCH:
            self.flush()
        if self._outbox.count == 0:
            self._scratch_used = 0
        place = self._scratch + self._scratch_used
        written = frame(
            &transfer.source, transfer.machine.blksize, first, count, place
        )
        if written < 0:
            transfer.failure = written
            return NULL
        self._scratch_used += written
        return place

    cdef void _queue_packets(
        self, Transfer* transfer, int64_t first, int64_t count, uint8_t* packets
    ) noexcept nogil:
        cdef Machine* machine = &transfer.machine
        cdef int64_t n, size, packet = machine.blksize + HEADER
        while count > 0:
            n = min(count, <int64_t>transfer.segments)
            size = n * packet
            if first + n - 1 == machine.last:
                size -= machine.last * machine.blksize - machine.size
            if not outbox_has_room(&self._outbox, transfer.fd, 1):
                self.flush()
            outbox_begin(
                &self._outbox, transfer.fd, &transfer.address,
                packet if n > 1 else 0, transfer, first,
            )
            outbox_piece(&self._outbox, packets, size)
            packets += n * packet
            first += n
            count -= n

    cdef void flush(self) noexcept nogil:
        cdef int n, count = self._outbox.count, sent
        cdef Transfer* transfer
        if count:
            sent = outbox_flush(&self._outbox)
            if self._outbox.cut_failed:
                self._outbox.cut_failed = False
                for n in range(sent):
                    if self._outbox.failed[n]:
                        (<Transfer*>self._outbox.owners[n]).segments = 1
            for n in range(sent, count):
                transfer = <Transfer*>self._outbox.owners[n]
                if transfer != NULL and not transfer.is_over:
                    self.stick(transfer, self._outbox.firsts[n])

    cdef void stick(self, Transfer* transfer, int64_t first) noexcept nogil:
        """Remember packets that the socket had no room for."""
        if transfer.is_stuck:
            transfer.unsent = min(transfer.unsent, first)
            return
        transfer.is_stuck = True
        transfer.unsent = first
        transfer.stuck = NULL
        if self.stuck == NULL:
            self.stuck = transfer
        else:
            self._stuck_last.stuck = transfer
        self._stuck_last = transfer
        with gil:
            self._poller.change(transfer.fd, READ | WRITE)

    cdef void unstick(self, int fd) noexcept nogil:
        """A socket has room again: send what it had none for.

        Whoever calls it has seen to it that room is not waited for any more, unless
        others still do.
        """
        cdef Transfer* waiting = self.stuck
        cdef Transfer* transfer
        cdef Burst burst
        self.stuck = NULL
        while waiting != NULL:
            transfer = waiting
            waiting = transfer.stuck
            transfer.is_stuck = False
            if transfer.fd != fd:
                self.stick(transfer, transfer.unsent)
                continue
            burst.first = max(transfer.unsent, transfer.machine.acked + 1)
            burst.count = transfer.machine.sent - burst.first + 1
            burst.last_alone = False
            if burst.count > 0 and not transfer.is_over and not transfer.is_cold:
                self.queue(transfer, burst)  # what fails here is found by the timer
        self.flush()

    cdef void forget(self, Transfer* transfer) noexcept nogil:
        cdef Transfer* waiting = self.stuck
        cdef Transfer* kept
        self.stuck = NULL
        while waiting != NULL:
            kept = waiting
            waiting = waiting.stuck
            if kept != transfer:
                kept.is_stuck = False
                self.stick(kept, kept.unsent)
