# cython: language_level=3
"""A job made ready for the data path, and the account of it when it is over."""

import time
from functools import lru_cache

from fastboot.errors import ContentChanged
from fastboot.tftp.carrier import Ended
from fastboot.tftp.packet import OptionAck
from fastboot.tftp.transfer import TOO_SLOW, Outcome

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free

from fastboot._ext.datagrams cimport MESSAGE_MAX, SEGMENTS_MAX, address_init
from fastboot._ext.tftp_frames cimport (
    COLD, CUT_SHORT, IN_MEMORY, LET_GO, NOT_HELD, REWRITTEN, Source,
)
from fastboot._ext.tftp_pictures cimport Pictures
from fastboot._ext.tftp_table cimport Transfer
from fastboot._ext.tftp_transfer cimport (
    UNREADABLE, Machine, machine_acknowledged, machine_init,
)

cdef enum:
    HEADER = 4
    HEADERS_IPV4 = 28  # IPv4 and UDP
    HEADERS_IPV6 = 48

_REASONS = {
    CUT_SHORT: "the file was cut short while it was read",
    REWRITTEN: "the file was rewritten while it was read",
    COLD: TOO_SLOW,
}
_OUTCOMES = (None, *Outcome)

SETTLED_NS = 2 * 10**9
"""Nanoseconds since the last change of a file before its image is shared: a change that
follows within one tick of the file system's clock would not show."""


@lru_cache(256)
def _encoded(answer):
    """The OACK; a room full of machines gets the same."""
    return OptionAck(answer).encode()


cdef bint _is_settled(blob) except -1:
    return time.time_ns() - blob.mtime_ns > SETTLED_NS


cdef class Entry:
    """What Python keeps of a transfer.

    Args:
        line: Where it runs.
        job: See `fastboot.tftp.carrier.Job`.
        pictures: Where its file's image is.
        ancillary: The control message that its packets leave with, if any.
    """

    def __dealloc__(self):
        free(self.transfer)

    def __init__(self, line, job, Pictures pictures, ancillary):
        cdef Transfer* transfer = <Transfer*>calloc(1, sizeof(Transfer))
        if transfer == NULL:
            raise MemoryError
        self.transfer = transfer
        self.line = line
        self.job = job
        self.reason = ""
        self.ancillary = ancillary
        transfer.entry = <void*>self
        transfer.timer.tick = -1
        transfer.fd = line[0]
        address_init(&transfer.address, line[1], self.ancillary)
        if job.is_unusual:
            transfer.in_python = True
            self.sender = job.machine()
            return
        self._in_c(job.blob)
        if transfer.source.fd != IN_MEMORY and _is_settled(job.blob):
            self.picture = pictures.take(
                &transfer.source, transfer.machine.blksize, job.blob.identity
            )
            if self.picture is not None:
                transfer.image = self.picture.image

    cdef int adopt(
        self, line, Transfer* transfer, ancillary, Picture picture, oack
    ) except -1:
        """Be what Python keeps of a transfer that began without it."""
        self.line = line
        self.reason = ""
        self.ancillary = ancillary
        self.picture, self.oack = picture, oack
        self.transfer = transfer
        transfer.entry = <void*>self
        return 0

    cdef void hold(self) noexcept:
        """Open the file, which is needed now; `failure` says where that fails."""
        cdef Transfer* transfer = self.transfer
        try:
            transfer.source.fd = self.job.blob.fd
        except Exception as error:
            transfer.failure = LET_GO
            self.reason = str(error)

    cdef int warm(self, part) except -1:
        """Have what a thread has read of the file at hand; None: no more.

        Raises:
            ContentChanged: The file is not what it was when it was opened.
            OSError: It cannot be read.
        """
        cdef Source* source = &self.transfer.source
        self.part = None
        source.part = NULL
        if part is None:
            return 0
        if isinstance(part, OSError):
            raise part
        if len(part.data) < source.wanted:
            raise ContentChanged(_REASONS[CUT_SHORT])
        self.job.blob.check(part.status)
        self.part = part.data
        source.part = <const uint8_t*>PyBytes_AS_STRING(self.part)
        source.part_at = part.at
        source.part_size = len(self.part)
        return 0

    cdef int let_go(self) except -1:
        """Keep no descriptor for one who may never answer, if it can be had again.

        Nor for one whose whole file is in memory.
        """
        cdef Transfer* transfer = self.transfer
        cdef bint is_read = transfer.image != NULL and transfer.image.missing == 0
        if transfer.source.slow or transfer.is_cold:
            return 0  # to open it again may take for ever
        if transfer.source.fd >= 0 and (transfer.machine.acked < 0 or is_read):
            self.job.blob.let_go()
            transfer.source.fd = NOT_HELD
        return 0

    cdef int _in_c(self, blob) except -1:
        cdef Transfer* transfer = self.transfer
        cdef object negotiated = self.job.terms.negotiated
        machine_for(&transfer.machine, blob.size, self.job.terms)
        self.oack = _encoded(negotiated.answer)
        transfer.oack = <const uint8_t*>PyBytes_AS_STRING(self.oack)
        transfer.oack_size = len(self.oack)
        transfer.segments = _segments(negotiated, self.line[1], self.job.mtu)
        transfer.source.size = blob.size
        fd = blob.fd
        if fd is None:
            self.data = blob.read(0, blob.size)
            transfer.source.fd = IN_MEMORY
            transfer.source.data = <const uint8_t*>PyBytes_AS_STRING(self.data)
        else:
            transfer.source.fd = fd
            transfer.source.offset = blob.offset
            transfer.source.mtime_ns = blob.mtime_ns
            transfer.source.slow = blob.slow
        return 0

    cdef object ended(self):
        """The transfer's account, once it is over."""
        cdef Machine* machine = &self.transfer.machine
        if self.sender is not None:
            sender = self.sender
            return Ended(
                self.line, sender.outcome, sender.reason, sender.acknowledged,
                sender.retransmissions,
            )
        outcome = _OUTCOMES[machine.outcome]
        reason = self.reason or outcome.value
        if machine.outcome == UNREADABLE and not self.reason:
            reason = _REASONS.get(self.transfer.failure, "the file cannot be read")
        return Ended(
            self.line, outcome, reason, machine_acknowledged(machine),
            machine.retransmissions,
        )


cdef int machine_for(Machine* machine, int64_t size, terms) except -1:
    """A machine that sends so many bytes on these terms, before it starts."""
    negotiated = terms.negotiated
    machine_init(
        machine, size, size // negotiated.blksize + 1, negotiated.blksize,
        negotiated.windowsize, bool(negotiated.answer), negotiated.probe,
        negotiated.timeout or 0.0, terms.patience,
    )
    return 0


cdef int _segments(negotiated, peer, int mtu) except -1:
    """Packets that one message may hold, so that each fits the MTU after it is cut."""
    cdef int packet = negotiated.blksize + HEADER
    cdef int headers = HEADERS_IPV6 if len(peer) == 4 else HEADERS_IPV4
    if negotiated.windowsize == 1 or packet + headers > mtu:
        return 1
    return max(1, min(<int>SEGMENTS_MAX, <int>MESSAGE_MAX // packet))
