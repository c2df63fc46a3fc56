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


@pytest.fixture(params=LOOPS)
def loop(request):
    """Each way to run engines: asyncio, uvloop, trio, threads."""
    return request.param
