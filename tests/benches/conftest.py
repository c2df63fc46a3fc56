"""What tests of the comparison share: benches/ to import from, and its client, built."""

import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.append(ROOT)


@pytest.fixture(scope="session")
def load():
    """Runs the load client."""
    from benches import programs
    from benches.load.client import load

    try:
        programs.compiled("load")
    except programs.Missing as error:
        pytest.skip(str(error))
    return load
