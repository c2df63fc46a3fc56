"""What every test may use: hypothesis profiles and the loops that engines run on."""

import os

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


@pytest.fixture(params=LOOPS)
def loop(request):
    """Each way to run engines: asyncio, uvloop, trio, threads."""
    return request.param
