"""Trees over file systems that may hang: asked by threads, not by the one that serves.

To look for a name, to open a file or to ask for its status takes no time on a disk that
is in use. A network file system whose server is gone, or a program in user space that
is stuck, may keep the one who asks for ever; and nobody else must wait for that.
"""

from __future__ import annotations

import os
import posixpath
import threading
from collections.abc import Awaitable, Callable, Generator, Hashable
from functools import partial
from typing import Generic, TypeVar

from .crew import crew
from .errors import Unavailable
from .mounts import mounts
from .tree import Blob, Client, Tree

Value = TypeVar("Value")

Outcome = Blob | Awaitable[Blob] | Exception
"""What an answer came to: content, content that comes later still, or what was raised."""

TOO_LATE = "the file system does not answer"
"""What a client is told whose answer a thread did not bring in time."""


class Aside(Awaitable[Blob]):
    """An answer that a thread works out; engines take it where an awaitable may be.

    Args:
        work: What works it out.
        of: The place that it may hang at; see `Crew.do`.
    """

    def __init__(
        self, work: Callable[[], Blob | Awaitable[Blob]], of: Hashable = None
    ) -> None:
        self._work = work
        self._of = of

    def __await__(self) -> Generator[None, None, Blob]:
        """Not for loops: an engine gives it to a thread, whatever loop there is."""
        raise TypeError("only an engine can wait for this answer")

    def run(
        self, seconds: float, done: Callable[[Outcome], None]
    ) -> Callable[[], None]:
        """Work it out; call back once, from any thread, in so many seconds at most.

        Returns:
            What forgets it: nothing is called back then.
        """
        once = _Once(done)
        timer = threading.Timer(seconds, once.settle, [Unavailable(TOO_LATE)])
        timer.daemon = True

        def job() -> None:
            if not once.is_settled:
                once.settle(self._outcome())
            timer.cancel()

        try:
            timer.start()  # first: what is begun must have its end
        except RuntimeError:  # the system gives us no thread
            once.settle(Unavailable(TOO_LATE))
        else:
            if not crew().do(job, of=self._of):
                timer.cancel()
                once.settle(Unavailable(TOO_LATE))

        def forget() -> None:
            timer.cancel()
            once.forget()

        return forget

    def _outcome(self) -> Outcome:
        try:
            return self._work()
        except Exception as error:  # noqa: BLE001 (what it raises is its answer)
            return error


class _Once:
    """Takes the first of several outcomes; content that comes later is closed."""

    def __init__(self, done: Callable[[Outcome], None]) -> None:
        self._done = done
        self._lock = threading.Lock()
        self.is_settled = False

    def settle(self, outcome: Outcome) -> None:
        if not self.forget():
            self._done(outcome)
        elif isinstance(outcome, Blob):
            outcome.close()

    def forget(self) -> bool:
        """Take nothing any more; whether that was so already."""
        with self._lock:
            before, self.is_settled = self.is_settled, True
            return before


class Patient:
    """A tree over a folder: asked at once where its file system answers at once.

    What is mounted, there or beneath, may change at any time.

    Args:
        tree: The tree.
        folder: Where its files are.
    """

    def __init__(self, tree: Tree, folder: str | os.PathLike[str]) -> None:
        self._tree = tree
        self._folder = os.path.realpath(folder)

    def open(self, name: str, client: Client) -> Blob | Awaitable[Blob]:
        """The content of that name; see `Tree.open`."""
        if mounts().may_hang_near(self._folder):
            # By the name alone: to ask the file system what a link is may hang, too.
            place = mounts().slow_at(posixpath.join(self._folder, name.lstrip("/")))
            # What is made of the whole folder, such as the menu, hangs with any part of
            # it: so each other name is a place of its own.
            of: Hashable = name if place is None else place
            return Aside(partial(self._tree.open, name, client), of)
        return self._tree.open(name, client)

    def path_of(self, name: str) -> str | None:
        """See `Directory.path_of`; None where even to look at it may take for ever."""
        path_of = getattr(self._tree, "path_of", None)
        if path_of is None or mounts().may_hang_near(self._folder):
            return None
        found: str | None = path_of(name)
        return found


class Lately(Generic[Value]):
    """What a call that looks into a folder said, without waiting where it may hang.

    There a thread asks, and until it has an answer the last one counts.

    Args:
        ask: The call.
        first: What counts before any answer.
        folder: The folder.
        patience: Seconds that the caller who has it asked waits for the answer. While
            that one is not there nobody waits again.
    """

    def __init__(
        self,
        ask: Callable[[], Value],
        first: Value,
        folder: str | os.PathLike[str],
        patience: float = 0.0,
    ) -> None:
        self._ask = ask
        self._last = first
        self._folder = os.path.realpath(folder)
        self._patience = patience
        self._lock = threading.Lock()
        self._asking = False

    def __call__(self) -> Value:
        """The answer, or the last one; raises what the call does where it is asked."""
        if not mounts().may_hang_near(self._folder):
            return self._ask()
        with self._lock:
            wanted, self._asking = not self._asking, True
        if wanted:
            done = threading.Event()
            if crew().do(partial(self._work, done), of=self):
                done.wait(self._patience)
            else:
                self._asking = False
        return self._last

    def _work(self, done: threading.Event) -> None:
        try:
            self._last = self._ask()
        except Exception:  # noqa: BLE001, S110 (then the last one counts on)
            pass
        finally:
            self._asking = False
            done.set()
