"""HTTP's sockets: accepts, reads heads, sends files with sendfile(2).

One turn of `poll` gives each ready connection a share of bytes, so that a client on a
fast link does not keep the others waiting.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import monotonic, time

from fastboot.batch import Answers, tell_answers
from fastboot.cold import WINDOW, Cold, Part, Reads
from fastboot.config import HttpConfig
from fastboot.errors import ConfigError, ContentChanged
from fastboot.events import Emit, Event, Failed, Fault
from fastboot.later import Later
from fastboot.listen import Place
from fastboot.poller import READ, WRITE, Poller
from fastboot.timers import Timers
from fastboot.tree import Blob, Client, Tree

from .actions import Action, Await, Send, SendFile, Shutdown
from .connection import Connection
from .door import Door
from .front import Front, best
from .glance import Glance
from .limits import ANSWER_COST, NOTEWORTHY, RECEIVE, SHARE
from .link import Link
from .peer import close, server_of, words_of
from .places import Places
from .turn import Turn
from .turns import Turns
from .upkeep import Upkeep


class Engine:
    """Serves a tree over HTTP; a `fastboot.engine.Engine`.

    A connection is the front's, and has no machine, until something comes that the
    front cannot answer by itself; and goes back to it once nothing is under way.

    Args:
        config: Ports, timeouts and limits.
        tree: Asked for each path, unless the same was asked before and the file that
            the tree's `path_of` names has not changed since.
        emit: Told what happens, from the thread that polls.
        places: Where to listen.
        front: Who meets requests first; the compiled one where it is there.
        room: Who may have a connection, for all engines that serve as one; without it
            this one serves alone.

    Attributes:
        protocol: What it speaks, for what is reported.
        share: A connection's share of a turn, bytes.
        look: See `fastboot.seen.Carrying`.

    Raises:
        ListenError: A port cannot be opened.
    """

    protocol = "http"
    share = SHARE

    def __init__(
        self,
        config: HttpConfig,
        tree: Tree,
        emit: Emit,
        places: Sequence[Place],
        front: type[Front] | None = None,
        room: Places | None = None,
    ) -> None:
        if config.port is None:
            raise ConfigError("the HTTP port is not set; see Config.resolved")
        self._config = config
        self._tree = tree
        self._emit = emit
        self._poller = Poller()
        self._links: dict[int, Link] = {}  # of connections that are not the front's
        self._places = Places.of(config) if room is None else room
        self._timers: Timers[int] = Timers()
        self.later: Later[int] = Later(self.wake, config.answer_timeout)
        self._reads: Reads[int] = Reads(self.wake)
        self._turns = Turns()
        self._draining = False
        self._closed = False
        self._busy = 0  # links that were busy when they were last looked at
        self._opened: tuple[str, Blob] | None = None  # what the tree gave last
        self._counts = dict.fromkeys(("requests", "sent_bytes", "faults"), 0)
        self._front = (front or best())(
            self._poller, config, monotonic, time, self._places
        )
        self._upkeep = Upkeep(self._front, tree)
        self._glance = Glance(self._links, self._front, self.wake)
        self.look = self._glance.look
        try:
            name = self.protocol.upper()
            self._door = Door(self._poller, config.port, places, self._places, name)
        except BaseException:
            self._poller.close()
            raise

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that are open."""
        return self._door.ports

    @property
    def idle(self) -> bool:
        """Whether no request is being read or answered."""
        # Not `_links`: other threads ask, too.
        return not (self._busy or self._front.answering)

    def fileno(self) -> int:
        """The descriptor that is readable when `poll` has something to do."""
        return self._poller.fileno()

    def wake(self) -> None:
        """End a `poll` that is waiting, from any thread."""
        self._poller.wake()

    def stats(self) -> dict[str, int]:
        """Counters since the start, and how many connections there are.

        `requests` are names asked for; `sent_bytes` counts heads and bodies.
        """
        front, door = self._front, self._door
        return {
            "accepted": door.accepted,
            "turned_away": door.turned_away,
            "requests": self._counts["requests"] + front.requests,
            "sent_bytes": self._counts["sent_bytes"] + front.sent_bytes,
            "faults": self._counts["faults"],
            "connections": len(self._links) + front.connections,
        }

    def poll(self, timeout: float | None = 0.0) -> None:
        """Do what is due; wait for it `timeout` seconds at most (None: for ever)."""
        if self._closed:
            raise ValueError("the engine was closed")
        self._turns.take(partial(self._poll, timeout))

    def _poll(self, timeout: float | None) -> None:
        turn = self._front.poll(timeout)
        now = monotonic()
        self._settle(turn)
        for number, (fd, data) in enumerate(turn.came):
            if not (number and self._front.retry(fd, data)):
                link = self._take_up(fd, now)
                self._guarded(link, partial(self._hear, link, data))
        for fd in turn.late:
            link = self._take_up(fd, now)
            self._guarded(link, link.machine.drain)
        for fd, _ in turn.ready:
            if fd in self._links:
                link = self._links[fd]
                self._guarded(link, partial(self._read, link))
            elif fd in self._door:
                self._admit(fd, now)
        for fd, file, at in turn.cold:
            self._reads.wait(fd, Cold(file, at - at % WINDOW))
        for fd, part in self._reads.ready():
            self._go_on(fd, part)
        for fd, answer in self.later.answers():
            link = self._links[fd]
            self._guarded(link, partial(link.machine.answered, answer))
        self._tick(now)
        self._arm()

    def drain(self) -> None:
        """Accept no more; close connections as soon as nothing is under way there."""
        self._turns.take(self._drain)

    def _drain(self) -> None:
        self._draining = True
        self._door.close()
        for link in list(self._links.values()):
            self._guarded(link, link.machine.drain)
        for fd in self._front.drain():
            link = self._take_up(fd, monotonic())
            self._guarded(link, link.machine.drain)
        self._arm()

    def close(self) -> None:
        """End what is under way and give the sockets back."""
        self._turns.take(self._close)

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._door.close()
        now, reason = monotonic(), "the server was stopped"
        self._settle(self._front.stop(reason))
        for link in list(self._links.values()):
            if link.machine.answering or link.machine.asking:
                link.machine.fail(reason, now)
                self._discard(link, reset=True)
            else:
                link.machine.end()
                self._discard(link, reset=False)
        self.later.close()
        self._reads.close()
        self._poller.close()

    def _tick(self, now: float) -> None:
        """Do what is due by the clock."""
        self._door.tick(now)
        for fd in self._timers.due(now):
            link = self._links.get(fd)
            if link:
                self._guarded(link, link.tick)
        self._upkeep.tick(now)
        self._glance.tick(now)

    def _settle(self, turn: Turn) -> None:
        """Report the answers that the front completed, and those it could not."""
        rows = ((client, k.name, size, s) for client, k, size, s in turn.sent)
        if turn.sent:
            tell_answers(self._emit, Answers(tuple(rows), self.protocol))
        for fd, client, known, length, size, seconds, reason in turn.cut:
            self._reads.forget(fd)
            if length == known.size or length >= NOTEWORTHY:
                who = self.protocol, client
                self._emit(Failed(*who, known.name, size, seconds, reason))

    def _open(self, name: str, client: Client) -> Blob | Awaitable[Blob]:
        self._counts["requests"] += 1
        answer = self._tree.open(name, client)
        if isinstance(answer, Blob):
            self._opened = (name, answer)
        return answer

    def _tell(self, event: Event) -> None:
        self._counts["faults"] += isinstance(event, Fault)
        self._emit(event)

    def _admit(self, fd: int, now: float) -> None:
        """Let in who waits at the door; tell those for whom there is no room."""
        for away in self._front.admit(self._door, fd, now + self._config.head_timeout):
            link = self._take_up(away, now)
            self._guarded(link, link.machine.turn_away)

    def _take_up(self, fd: int, now: float) -> Link:
        """Give a connection that was the front's a machine."""
        sock, client, requests = self._front.take(fd)
        machine = self._machine(sock, client, now, requests)
        link = self._links[fd] = Link(sock, machine)
        return link

    def _machine(
        self, sock: socket.socket, client: str, now: float, requests: int
    ) -> Connection:
        return Connection(
            self._config,
            self._open,
            self._tell,
            time,
            client=client,
            server=server_of(sock),
            now=now,
            requests=requests,
            draining=self._draining,
            protocol=self.protocol,
            do=partial(self.later.do, failed=self._mistaken),
        )

    def _give_back(self, link: Link) -> None:
        """Let the front wait for the next request."""
        del self._links[link.fd]
        self._timers.forget(link.fd)
        machine = link.machine
        self._front.watch(link.sock, machine.client, machine.deadline, machine.requests)

    def _hear(self, link: Link, data: bytes, now: float) -> list[Action]:
        """The first bytes since the connection was taken up."""
        self._opened = None
        actions = link.machine.receive(data, now)
        if self._opened and data.find(b"\r\n\r\n") == len(data) - 4:
            name, blob = self._opened  # pyright: ignore (`receive` calls `_open`)
            self._upkeep.learn(data, name, blob, actions, monotonic(), time())
        return actions

    def _go_on(self, fd: int, part: Part | OSError) -> None:
        """What a connection waited for has been read, or cannot be."""
        link = self._links.get(fd)
        if link is None:
            self._front.resume(fd)
            return
        self._guarded(link, partial(link.warm, part))

    def _guarded(self, link: Link, ask: Callable[[float], list[Action]]) -> None:
        """Do what `ask` says, one of the machine's methods or what the socket has.

        A mistake of ours or of the tree's costs this connection only.
        """
        now = monotonic()
        try:
            self._advance(link, ask(now))
        except Exception as error:  # noqa: BLE001
            self._mistaken(error)
            link.machine.fail("a fault of the server", now)
            self._discard(link, reset=True)

    def _mistaken(self, error: Exception) -> None:
        self._tell(Fault(self.protocol, error))

    def _read(self, link: Link, now: float) -> list[Action]:
        if link.machine.asking or link.cold:  # only the connection's end is heeded
            return link.machine.fail("the client is gone", now)
        if link.queue or link.machine.answering:
            return []  # it became writable
        try:
            data = link.receive(RECEIVE)
        except BlockingIOError:
            return []
        except OSError as error:
            return link.machine.fail(words_of(error), now)
        return link.machine.receive(data, now) if data else link.machine.end()

    def _advance(self, link: Link, actions: list[Action]) -> None:
        """Do what the machine asks for until it or the peer has to be waited for."""
        queue, machine, share = link.queue, link.machine, self.share
        if machine.finished:
            queue.clear()  # what was still to be sent is given up
        queue.extend(actions)
        self._count_busy(link)
        while share > 0 and (queue or machine.answering):
            if not queue:
                share -= ANSWER_COST
                queue.extend(machine.sent(monotonic()))
                continue
            try:
                share -= self._do(link, queue[0], share)
            except Cold as cold:
                link.cold = True
                machine.renew(monotonic())
                self._reads.wait(link.fd, cold)
                break
            except BlockingIOError:
                break
            except ContentChanged as error:
                queue.clear()
                queue.extend(machine.fail(str(error), monotonic()))
            except OSError as error:
                queue.clear()
                queue.extend(machine.fail(words_of(error), monotonic()))
            if machine.finished and not queue:
                return
        interest = WRITE if queue or machine.answering else READ
        if machine.asking or link.cold:
            interest = 0
        elif link.wants:
            interest = link.wants
        if interest != link.interest:
            self._poller.change(link.fd, interest)
            link.interest = interest
        self._count_busy(link)
        if machine.resting:
            self._give_back(link)
        else:
            self._timers.set(link.fd, link.deadline())

    def _do(self, link: Link, action: Action, share: int) -> int:
        """Do one action, or a part of it; the number of bytes that it took."""
        if isinstance(action, SendFile):
            count = link.send_file(action, share)
        elif isinstance(action, Send):
            count = link.send(action)
        elif isinstance(action, Await):
            link.queue.popleft()
            self.later.ask(link.fd, action.answer)
            return 0
        else:
            if isinstance(action, Shutdown):
                link.shutdown()
                link.machine.shut(monotonic())
            else:
                self._discard(link, reset=action.reset)
            link.queue.popleft()
            return 0
        link.machine.taken(count, monotonic(), content=isinstance(action, SendFile))
        self._counts["sent_bytes"] += count
        return count

    def _discard(self, link: Link, *, reset: bool) -> None:
        if self._links.pop(link.fd, None) is None:
            return
        self._count_busy(link)
        self._timers.forget(link.fd)
        self.later.forget(link.fd)
        self._reads.forget(link.fd)
        self._places.leave(link.machine.client)
        self._poller.forget(link.fd)
        close(link.sock, reset=reset)

    def _count_busy(self, link: Link) -> None:
        busy = link.machine.busy
        self._busy += busy - link.busy
        link.busy = busy

    def _arm(self) -> None:
        due = min(self._timers.next or math.inf, self._front.next)
        due = min(due, self._door.next, self._upkeep.next)
        self._poller.set_deadline(None if due == math.inf else due)
