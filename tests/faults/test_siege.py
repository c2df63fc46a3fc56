"""A whole server besieged by a crowd of clients, and what it is like afterwards."""

from __future__ import annotations

import gc
import os
import threading
import time
from contextlib import ExitStack

import pytest

from besieging import Crowd
from changing import Folder
from fastboot._ext import twin
from fastboot.config import Config, HttpConfig, TftpConfig
from fastboot.events import Fault
from fastboot.http import engine as module
from fastboot.http.front import Front
from fastboot.mounts import mounts
from fastboot.server import Server

PATIENCE = 20.0


@pytest.fixture(params=["python", pytest.param("compiled", marks=pytest.mark.ext)])
def front(request, monkeypatch):
    """Who meets the requests first: both twins."""
    kind = Front
    if request.param == "compiled":
        compiled = twin("http_front")
        if compiled is None:
            pytest.skip("the compiled parts are not built")
        kind = compiled.Front
    monkeypatch.setattr(module, "best", lambda: kind)
    monkeypatch.setattr(module, "time", lambda: 2_000_000_000.0)  # all files are old


def descriptors():
    return sorted(os.listdir("/proc/self/fd"))


def until(holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


class Besieged:
    """A server that runs, and what it said."""

    def __init__(self, path, stack, workers, **settings):
        self.folder = Folder(path)
        self.events = []
        self.server = Server(
            Config(
                path,
                address=("127.0.0.1",),
                workers=workers,
                tftp=TftpConfig(enabled=False),
                http=HttpConfig(port=0, **settings),
            ).resolved(privileged=False),
            self.events.append,
        )
        stack.enter_context(self.server)
        self.address = self.server.ports("http")[0]

    @property
    def stats(self):
        return self.server.stats()["http"]

    @property
    def faults(self):
        return [event for event in self.events if isinstance(event, Fault)]

    def crowd(self, seed, stack, *, may_refuse=False):
        """Clients, who are gone in the end."""
        crowd = Crowd(self.folder, self.address, seed, may_refuse=may_refuse)
        stack.callback(crowd.close)
        return crowd

    def is_as_before(self):
        """Whether nobody has a place any more, and nothing is under way."""
        engines = self.server.engines["http"]
        return (
            self.stats["connections"] == 0
            and all(len(engine._places) == 0 for engine in engines)
            and all(engine.idle for engine in engines)
            and all(not engine._reads._span_of for engine in engines)
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "workers", "settings"),
    [
        ("one", 1, {}),
        ("two", 2, {"max_requests": 7}),
        ("three", 2, {"max_connections": 12, "max_per_client": 5}),
    ],
)
def test_H7_after_a_siege_everything_is_as_it_was(
    tmp_path, front, seed, workers, settings
):
    mounts()  # looked at from now on, until the process ends
    before = descriptors()
    with ExitStack() as stack:
        besieged = Besieged(tmp_path, stack, workers, **settings)
        refuses = "max_connections" in settings
        crowd = besieged.crowd(seed, stack, may_refuse=refuses)
        for _ in range(2):
            crowd.besiege(clients=80, at_once=24)
            until(besieged.is_as_before)
    assert crowd.findings == []
    assert crowd.counts["well"] > 30
    assert besieged.faults == []
    gc.collect()
    assert descriptors() == before


@pytest.mark.slow
def test_R9_in_the_middle_of_a_siege_no_answer_is_cut_off_by_draining(tmp_path, front):
    mounts()
    before = descriptors()
    with ExitStack() as stack:
        running = stack.enter_context(ExitStack())
        besieged = Besieged(tmp_path, running, 2)
        crowd = besieged.crowd("four", stack)
        siege = threading.Thread(target=crowd.besiege, args=(1_000_000, 24))
        siege.start()
        until(lambda: crowd.counts["answers"] > 200)
        crowd.may_refuse = crowd.is_over = True
        running.close()
        siege.join()
    assert crowd.findings == []
    assert besieged.faults == []
    gc.collect()
    assert descriptors() == before
