"""Accounts for transfers that the compiled carrier began without asking."""

from __future__ import annotations

from collections.abc import Callable

from fastboot import events
from fastboot.batch import Batch, TakesMany, tell
from fastboot.seen import View, ignore
from fastboot.tree import Blob, Tree

from . import account
from .carrier import Account, Begun, Carrier, Served
from .ports import Line
from .recall import Recall, Recipe
from .sources import Sources
from .strangers import Unheard
from .table import Entry, Question, Table
from .transfer import Outcome


class Unasked:
    """Enters in an engine's books what was done without it.

    Args:
        carrier: Knows the ports.
        table: Its transfers.
        sources: Counts requests that came to nothing.
        unheard: Remembers what nobody acknowledged.
        counters: What the engine counts.
        emit: Told what happened.
        view: Told of requests and first answers.
    """

    def __init__(
        self,
        carrier: Carrier,
        table: Table,
        sources: Sources,
        unheard: Unheard,
        counters: dict[str, int],
        emit: events.Emit,
        view: View,
    ) -> None:
        self._carrier = carrier
        self._table = table
        self._sources = sources
        self._unheard = unheard
        self._counters = counters
        self._emit = emit
        self._view = view
        self._recall: Recall | None = None
        self._ports: dict[int, int] = {}  # of the carrier's sockets

    def learn(self, tree: Tree, clock_ns: Callable[[], int]) -> None:
        """From now on the carrier is told how to answer what comes again.

        Args:
            tree: What is served; where it has no `path_of` nothing is kept.
            clock_ns: Nanoseconds since the epoch.
        """
        path_of = getattr(tree, "path_of", None)
        self._recall = Recall(path_of, clock_ns) if path_of else None

    def remember(self, line: Line, question: Question, blob: Blob, oack: bytes) -> None:
        """A transfer has begun, with that OACK if any."""
        if self._recall:
            door = self._carrier.port(question.listener)
            recipe = self._recall.recipe(question, blob, door, oack)
            if recipe:
                self._carrier.keep(line, recipe)

    def begun(self, begun: Begun, now: float) -> None:
        """Enter a transfer that runs: from now on it is one like any other."""
        line, recipe, started = begun
        self._sources.excess(line[1][0], now)  # counts until it proved to be in earnest
        self._unheard.forget(line)
        entry = Entry(recipe.request, recipe.name, recipe.content, started)
        self._table.add(line, entry)
        self._counters["requests"] += 1
        self._counters["transfers"] += 1
        self._show(line, recipe)

    def served(self, served: Served, now: float) -> None:
        """Report transfers that are over.

        None of their lines is remembered as unheard: while one is, the carrier is in
        doubt about its address, and asks.
        """
        counters = self._counters
        counters["requests"] += served.transfers
        counters["transfers"] += served.transfers
        counters["retransmissions"] += served.retransmissions
        counters["bytes"] += served.acknowledged
        for run in served.runs:
            if isinstance(run, list):
                self._got(Batch(run, self._port))
            else:
                self._other(*run, now)

    def _got(self, batch: Batch) -> None:
        """Report files that came across whole."""
        if self._view is not ignore and not isinstance(self._emit, TakesMany):
            for row in batch.rows:
                for packet in batch.packets(row):
                    self._view(packet)
        tell(self._emit, batch)

    def _other(self, one: Account, recipe: Recipe, now: float) -> None:
        """Report a transfer that ended in another way."""
        line, outcome, *_ = one
        if outcome is Outcome.UNANSWERED:
            self._unheard.remember(line, recipe.request, now)
            self._carrier.doubt(line[1])
        if outcome is not Outcome.PROBED:
            self._sources.excess(line[1][0], now)
        self._show(line, recipe)
        self._emit(account.served(one, recipe))

    def _show(self, line: Line, recipe: Recipe) -> None:
        """Tell those who follow a boot what was asked, and what the answer was."""
        if self._view is ignore:
            return
        (fd, peer), came = line, recipe.came
        self._view(account.came_in(peer, came, recipe.door, recipe.request))
        if recipe.oack:
            self._view(account.went_out(peer, came, self._port(fd), recipe.oack))

    def _port(self, fd: int) -> int:
        port = self._ports.get(fd)
        if port is None:
            port = self._ports[fd] = self._carrier.port(fd)
        return port
