# cython: language_level=3
"""What Python is told of: transfers that began without it, and those that are over.

A transfer by a recipe (`tftp_recall`) runs without Python, which learns of it with many
others: when they are over, and of those that run when it is asked for anything else, or
after a moment.
"""

from fastboot.tftp.carrier import Begun, Served
from fastboot.tftp.transfer import Outcome

from libc.math cimport INFINITY as inf
from libc.stdint cimport int64_t
from libc.stdlib cimport free

from fastboot._ext.names cimport (
    name_address, name_peer, name_port, sockaddr_storage,
)
from fastboot._ext.tftp_entry cimport Entry
from fastboot._ext.tftp_outlet cimport Outlet
from fastboot._ext.tftp_pictures cimport Pictures
from fastboot._ext.tftp_recall cimport Recipe, Recipes
from fastboot._ext.tftp_table cimport Transfer
from fastboot._ext.tftp_transfer cimport DONE, Machine, machine_acknowledged

cdef enum:
    UNTOLD_MAX = 256  # transfers that are over, and Python does not know of

# Seconds. A crowd gets files of a megabyte in less: Python hears of each of them once,
# not twice, which is a twelfth of what such a file costs.
cdef double UNTOLD_FOR = 0.5

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
        if not self.fresh_count:
            self.tell_at = -1.0
        elif self.fresh_count == FRESH_MAX:
            self._tell(now)
        elif now >= self.tell_at:
            self._tell(now - UNTOLD_FOR)
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
        if self.fresh_count or self._untold:
            self._outlet.flush()
            self._reap_all()  # before those that run where others ran
            self._tell(inf)
        return 0

    cdef int _tell(self, double until) except -1:
        """Tell Python of the transfers that began until then."""
        cdef Transfer* transfer
        cdef int n
        self.tell_at = inf
        for n in range(self.fresh_count - 1, -1, -1):
            transfer = self._fresh[n]
            if transfer.began <= until:
                self._adopt(transfer)
            else:
                self.tell_at = min(self.tell_at, transfer.began + UNTOLD_FOR)
        if not self.fresh_count:
            self.tell_at = -1.0
        return 0

    cdef int _adopt(self, Transfer* transfer) except -1:
        """Tell Python of a transfer, which is one like any other from now on."""
        cdef Entry entry = Entry.__new__(Entry)
        known, ancillary, picture, oack = <object>(<Recipe*>transfer.recipe).keeps
        line = (transfer.fd, name_peer(&transfer.address.name))
        entry.adopt(line, transfer, ancillary, picture, oack)
        self._entries[line] = entry
        self._forget_fresh(transfer)
        self.report(Begun(line, known, transfer.began))
        return 0

    cdef void _forget_fresh(self, Transfer* transfer) noexcept nogil:
        self.fresh_count -= 1
        self._fresh[transfer.fresh] = self._fresh[self.fresh_count]
        self._fresh[transfer.fresh].fresh = transfer.fresh

    cdef int _reap_all(self) except -1:
        """Report what is over, the first first, and forget it; all it sent is out."""
        cdef Transfer* transfer
        cdef int64_t acknowledged = 0, again = 0
        cdef int count = 0
        cdef list runs = [], rows = None
        self._over = _reversed(self._over)
        while self._over != NULL:
            transfer = self._over
            self._over = transfer.over
            if transfer.is_stuck:
                self._outlet.forget(transfer)
            if transfer.entry != NULL:
                self._reap(transfer)
                continue
            count += 1
            acknowledged += machine_acknowledged(&transfer.machine)
            again += transfer.machine.retransmissions
            if transfer.machine.outcome != DONE:
                rows = None
                runs.append(_account(transfer))
            else:
                if rows is None:
                    rows = []
                    runs.append(rows)
                rows.append(_row(transfer))
            self._forget_untold(transfer)
        if count:
            self._happened.append(Served(runs, count, acknowledged, again))
        return 0

    cdef void _forget_untold(self, Transfer* transfer) noexcept nogil:
        """Forget a transfer of which Python never knew."""
        cdef Recipe* recipe = <Recipe*>transfer.recipe
        self._untold -= 1
        recipe.image_users[0] -= 1
        free(transfer)
        self._recipes.release(recipe)

    cdef int _reap(self, Transfer* transfer) except -1:
        """Report a transfer that is over and forget it."""
        cdef Entry entry = <Entry>transfer.entry
        self._reads.forget(entry.line)
        self._pictures.give_back(entry.picture)
        if transfer.recipe != NULL:
            self._recipes.release(<Recipe*>transfer.recipe)
        del self._entries[entry.line]
        self.report(entry.ended())
        return 0


cdef Transfer* _reversed(Transfer* last) noexcept nogil:
    """A list of transfers the other way round."""
    cdef Transfer* first = NULL
    cdef Transfer* before
    while last != NULL:
        before = last.over
        last.over = first
        first = last
        last = before
    return first


cdef tuple _row(Transfer* transfer):
    """A file that came across whole; see `fastboot.batch`."""
    cdef sockaddr_storage* name = &transfer.address.name
    return (
        name_address(name), name_port(name), transfer.fd,
        transfer.moved - transfer.began, transfer.machine.retransmissions,
        (<tuple>(<Recipe*>transfer.recipe).keeps)[0],
    )


cdef tuple _account(Transfer* transfer):
    """A transfer that ended in another way, and its recipe."""
    cdef Machine* machine = &transfer.machine
    outcome = OUTCOMES[machine.outcome]
    account = (
        (transfer.fd, name_peer(&transfer.address.name)), outcome, outcome.value,
        machine_acknowledged(machine), machine.retransmissions,
        transfer.moved - transfer.began,
    )
    return (account, (<tuple>(<Recipe*>transfer.recipe).keeps)[0])
