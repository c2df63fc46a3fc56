"""What every test may use: hypothesis profiles and the loops that engines run on."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from loops import LOOPS

settings.register_profile(
    "dev", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "ci", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

for number in (signal.SIGINT, signal.SIGHUP):
    # Who runs the tests in the background has them ignored, and so would be what the
    # tests start: a signal that is caught is one that a new program takes as usual.
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler)


LONG = ("firmware", "interop", "slow")
"""The marks of tests that take long, the longest first."""


MACHINES = "tests/firmware/"


def pytest_configure(config):
    """Where several processes share the tests: which order, and what of one that dies."""
    if config.pluginmanager.hasplugin("xdist"):
        config.option.loadscopereorder = False
        if config.option.maxworkerrestart is None:
            # Its file is a failure then. With another in its place the run never ends:
            # it waits for the rest of a file that nobody has.
            config.option.maxworkerrestart = "0"


def pytest_collection_modifyitems(items):
    """Long ones first: at the end no process is alone with them."""
    items.sort(key=_turn)


def _turn(item):
    marks = {mark.name for mark in item.iter_markers()}
    return next((n for n, mark in enumerate(LONG) if mark in marks), len(LONG))


@pytest.hookimpl(optionalhook=True)  # there is none without xdist
def pytest_xdist_make_scheduler(config, log):
    """Machines that boot are one process's: it switches them on once, and by turns."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return MACHINES if file.startswith(MACHINES) else file

    return Scheduling(config, log)


@pytest.fixture(params=LOOPS)
def loop(request):
    """Each way to run engines: asyncio, uvloop, trio, threads."""
    return request.param


@pytest.fixture
def disk(monkeypatch):
    """The disk under the test's files."""
    from disk import Disk  # which asks for what only Linux has

    disk = Disk(monkeypatch)
    yield disk
    disk.free.set()
