"""An engine that raises, which none should: it is noticed, whatever runs it."""

import os
import signal
import threading
from types import SimpleNamespace

import pytest

import loops
from fastboot.drivers import running_on_threads
from fastboot.errors import EngineFailed
from fastboot.poller import Poller
from fastboot.service import run_service, signals


class Fragile:
    """An engine that raises at its next turn once it was tripped."""

    ports = ()
    later = None

    def __init__(self):
        self.error = None
        self.turns = 0
        self.looks = 0
        self.turned = threading.Event()
        self.broke = threading.Event()
        self._poller = Poller()

    @property
    def idle(self):
        self.looks += self.broke.is_set()
        return False

    def fileno(self):
        return self._poller.fileno()

    def poll(self, timeout=0.0):
        self._poller.wait(timeout)
        self.turns += 1
        self.turned.set()
        if self.error:
            self.broke.set()
            raise self.error

    def trip(self, error):
        self.error = error
        self.wake()

    def wake(self):
        self._poller.wake()

    def drain(self):
        if self.error:
            raise self.error

    def close(self):
        self._poller.close()


@pytest.fixture
def engine():
    made = Fragile()
    yield made
    made.close()


@pytest.fixture
def sound():
    made = Fragile()
    yield made
    made.close()


def test_leaving_the_context_raises_what_an_engine_raised(loop, engine, sound):
    mistake = ZeroDivisionError("mistake")

    def work(control):
        engine.trip(mistake)
        assert engine.broke.wait(10)

    with pytest.raises(EngineFailed, match=r"failed: ZeroDivisionError") as caught:
        loops.run(loop, [engine, sound], work)
    assert caught.value.engine is engine
    assert caught.value.error is mistake
    assert caught.value.__cause__ is mistake


def test_an_engine_that_failed_has_no_more_turns_and_the_others_go_on(
    loop, engine, sound
):
    def work(control):
        engine.trip(ZeroDivisionError())
        assert engine.broke.wait(10)
        turns = engine.turns
        engine.wake()
        for _ in range(3):
            sound.turned.clear()
            sound.wake()
            assert sound.turned.wait(10)
        assert engine.turns == turns

    with pytest.raises(EngineFailed):
        loops.run(loop, [engine, sound], work)


def test_draining_an_engine_that_cannot_is_its_failure(loop, engine):
    def work(control):
        engine.error = ZeroDivisionError()
        control.drain()

    with pytest.raises(EngineFailed):
        loops.run(loop, [engine], work)


def test_a_failure_does_not_hide_an_error_of_the_program(engine):
    def work(control):
        engine.trip(ZeroDivisionError())
        assert engine.broke.wait(10)
        raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        loops.run("threads", [engine], work)


def test_a_failure_is_told_at_once(engine):
    told = threading.Event()

    def fail():
        with running_on_threads([engine], told.set) as run:
            assert run.failure is None
            engine.trip(ZeroDivisionError())
            assert told.wait(10)
            assert run.failure.engine is engine

    with pytest.raises(EngineFailed):
        fail()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
@pytest.mark.parametrize("part", ["data", "control"])
def test_a_service_ends_with_what_its_engine_raised(loop, part, engine):
    parts = {"data": (), "control": (), part: (engine,)}
    server = SimpleNamespace(
        **parts, config=SimpleNamespace(drain_timeout=60), reloads=False
    )

    def ready():
        engine.trip(ZeroDivisionError())

    with pytest.raises(EngineFailed) as caught:
        run_service(server, loop, ready)
    assert caught.value.engine is engine


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_a_service_that_drains_does_not_wait_for_an_engine_that_fails(loop, engine):
    server = SimpleNamespace(
        data=(engine,),
        control=(),
        config=SimpleNamespace(drain_timeout=2),
        reloads=False,
    )
    engine.drain = lambda: engine.trip(ZeroDivisionError())
    with pytest.raises(EngineFailed):
        run_service(server, loop, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert engine.looks < 10  # until the time is up it would be 40


def test_a_hangup_ends_a_service_but_not_under_nohup():
    assert signal.SIGHUP in signals()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signals() == (signal.SIGINT, signal.SIGTERM)
    finally:
        signal.signal(signal.SIGHUP, before)
