"""An engine is idle only once its thread has come to drain it."""

import threading
import time

from fastboot.drivers import running_on_threads

PATIENCE = 20.0


class Engine:
    """It is in the middle of a turn, in which it may begin something, until `over`."""

    idle = True
    later = None

    def __init__(self):
        self.over = threading.Event()
        self.drained = False

    def poll(self, timeout):
        self.over.wait(PATIENCE)

    def wake(self):
        pass

    def drain(self):
        self.drained = True


def test_R9_who_has_not_come_to_drain_yet_is_not_idle():
    engine = Engine()
    with running_on_threads([engine]) as run:
        assert run.idle
        run.drain()
        assert not run.idle
        engine.over.set()
        end = time.monotonic() + PATIENCE
        while not run.idle and time.monotonic() < end:
            time.sleep(0.001)
        assert engine.drained
        assert run.idle
