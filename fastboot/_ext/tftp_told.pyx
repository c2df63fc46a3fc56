# cython: language_level=3
"""What Python is told of: transfers that began without it, and those that are over.

A transfer by a recipe (`tftp_recall`) runs without Python, which learns of it with many
others: when they are over, and of those that run when it is asked for anything else, or
after a moment.
"""

from fastboot.tftp.carrier import Begun, Served
from fastboot.tftp.transfer import Outcome

from libc.stdlib cimport free

from fastboot._ext.datagrams cimport name_peer
from fastboot._ext.tftp_entry cimport Entry
from fastboot._ext.tftp_outlet cimport Outlet
from fastboot._ext.tftp_pictures cimport Pictures
from fastboot._ext.tftp_recall cimport Recipe, Recipes
from fastboot._ext.tftp_table cimport Transfer
from fastboot._ext.tftp_transfer cimport Machine, machine_acknowledged

cdef enum:
    UNTOLD_MAX = 64  # transfers that are over, and Python does not know of

cdef double UNTOLD_FOR = 0.05  # seconds

OUTCOMES = (None, *Outcome)


cdef class Told:
    """What is still to be said, and the transfers that it is about.

    Args:
        entries: What Python keeps of transfers, by line.
        outlet: What leaves.
        pictures: Where files' images are.
        recipes: By which transfers begin without Python.
        reads: Threads that read what is not in memory.
    """

    def __init__(
        self, entries, Outlet outlet, Pictures pictures, Recipes recipes, reads
    ):
        self._entries = entries
        self._outlet = outlet
        self._pictures = pictures
        self._recipes = recipes
        self._reads = reads
        self._happened = []
        self.tell_at = -1.0

    cdef int report(self, item) except -1:
        self._happened.append(item)
        self.news = True
        return 0

    cdef bint is_time(self, double now) noexcept nogil:
        """Whether Python is to be told of transfers that it does not know of."""
        if self._untold >= UNTOLD_MAX or self.fresh_count == FRESH_MAX:
            return True
        return self.tell_at >= 0 and now >= self.tell_at

    cdef bint is_news(self, double now) noexcept nogil:
        """Whether there is anything to tell it now."""
        return self.news or self.is_time(now)

    cdef list hand_up(self, double now):
        """What happened, once all that is over is forgotten."""
        self._reap_all()
        if self.fresh_count and self.is_news(now):
            self.tell_all()
        if not self.fresh_count:
            self.tell_at = -1.0
        self._recipes.tidy()
        happened, self._happened, self.news = self._happened, [], False
        return happened

    cdef void began(self, Transfer* transfer) noexcept nogil:
        """One began without Python; there is room for it (`FRESH_MAX`)."""
        transfer.fresh = self.fresh_count
        self._fresh[self.fresh_count] = transfer
        self.fresh_count += 1
        if self.tell_at < 0:
            self.tell_at = transfer.began + UNTOLD_FOR

    cdef void ended(self, Transfer* transfer) noexcept nogil:
        """One is over; all it sent is still to leave."""
        transfer.over = self._over
        self._over = transfer
        if transfer.entry == NULL:
            self._untold += 1
            self._forget_fresh(transfer)
        else:
            self.news = True

    cdef int tell_all(self) except -1:
        """Tell Python of all transfers that it does not know of."""
        cdef Transfer* transfer
        cdef Entry entry
        if not (self.fresh_count or self._untold):
            return 0
        self._outlet.flush()
        self._reap_all()  # before those that run where others ran
        while self.fresh_count:
            transfer = self._fresh[self.fresh_count - 1]
            known, picture, oack = <object>(<Recipe*>transfer.recipe).keeps
            line = (transfer.fd, name_peer(&transfer.address.name))
            entry = Entry.__new__(Entry)
            entry.adopt(line, transfer, known.came, picture, oack)
            self._entries[line] = entry
            self._forget_fresh(transfer)
            self.report(Begun(line, known, transfer.began))
        return 0

    cdef void _forget_fresh(self, Transfer* transfer) noexcept nogil:
        self.fresh_count -= 1
        self._fresh[transfer.fresh] = self._fresh[self.fresh_count]
        self._fresh[transfer.fresh].fresh = transfer.fresh

    cdef int _reap_all(self) except -1:
        """Report what is over, and forget it; all that was sent is out."""
        if self._untold:
            served = []
            self._happened.append(Served(served))
        while self._over != NULL:
            if self._over.entry == NULL:
                served.append(self._reap_untold())
            else:
                self._reap()
        return 0

    cdef object _reap_untold(self):
        """Forget the transfer that ended last, of which Python never knew."""
        cdef Transfer* transfer = self._over
        cdef Recipe* recipe = <Recipe*>transfer.recipe
        cdef Machine* machine = &transfer.machine
        self._over = transfer.over
        self._untold -= 1
        if transfer.is_stuck:
            self._outlet.forget(transfer)
        outcome = OUTCOMES[machine.outcome]
        account = (
            (transfer.fd, name_peer(&transfer.address.name)), outcome, outcome.value,
            machine_acknowledged(machine), machine.retransmissions,
            transfer.moved - transfer.began,
        )
        known = (<tuple>recipe.keeps)[0]
        recipe.image_users[0] -= 1
        free(transfer)
        self._recipes.release(recipe)
        return (account, known)

    cdef int _reap(self) except -1:
        """Report the transfer that ended last and forget it; all it sent is out."""
        cdef Transfer* transfer = self._over
        cdef Entry entry = <Entry>transfer.entry
        self._over = transfer.over
        if transfer.is_stuck:
            self._outlet.forget(transfer)
        self._reads.forget(entry.line)
        self._pictures.give_back(entry.picture)
        if transfer.recipe != NULL:
            self._recipes.release(<Recipe*>transfer.recipe)
        del self._entries[entry.line]
        self.report(entry.ended())
        return 0
