"""What tests of DHCP share: a lease server in memory, and networks."""

import pytest

from firmware.network import Namespace
from peers import need

from .lan import Lan
from .lease_server import Serving


@pytest.fixture
def site():
    """A lease server that nobody has asked yet."""
    return Serving()


@pytest.fixture(scope="module")
def spaces():
    """See `lan`."""
    need("ip")
    with Namespace() as server, Namespace() as left, Namespace() as right:
        yield Lan(server, left, right)


@pytest.fixture
def lan(spaces):
    """The networks; whatever addresses a test gave the machines are taken away."""
    yield spaces
    for machine in (spaces.left, spaces.right):
        machine.ip("address", "flush", "dev", "eth0")
