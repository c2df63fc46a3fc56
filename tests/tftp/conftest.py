"""Both twins of TFTP's data path, and engines on them."""

import pytest

from fastboot import events
from fastboot._ext import twin
from fastboot.tftp.carrier import Carrier
from served import Served


@pytest.fixture(params=["py", pytest.param("ext", marks=pytest.mark.ext)])
def carrier(request):
    """Both twins of the data path."""
    if request.param == "py":
        return Carrier
    compiled = twin("tftp_carrier")
    if compiled is None:
        pytest.skip("the compiled parts are not built")
    return compiled.Carrier


@pytest.fixture
def serve(carrier):
    """Makes `Served`s that end with the test, and in which nothing went wrong inside."""
    made = []

    def make(tree, **kinds):
        made.append(Served(tree, carrier, **kinds))
        return made[-1]

    yield make
    for served in made:
        served.close()
        assert not [e for e in served.events if isinstance(e, events.Fault)]
