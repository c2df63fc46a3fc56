"""What tests of DHCP share."""

import pytest

from .lease_server import Serving


@pytest.fixture
def site():
    """A lease server that nobody has asked yet."""
    return Serving()
