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


SHARED = {"machines", "switched_on", "lab"}
"""Fixtures that take long to make, for all the tests that use them."""


def pytest_collection_modifyitems(items):
    """Where several processes share the tests, one gets all that share a fixture."""
    for item in items:
        for name in SHARED.intersection(item.fixturenames):
            params = item.callspec.params if hasattr(item, "callspec") else {}
            group = f"{item.path.name} {name} {params.get(name, '')}"
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(params=LOOPS)
def loop(request):
    """Each way to run engines: asyncio, uvloop, trio, threads."""
    return request.param
