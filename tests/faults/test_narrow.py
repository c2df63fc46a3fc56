"""A socket without room is waited for, not taken for loss (R4)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastboot._ext import twin
from peers import need, need_root

HERE = Path(__file__).parent
NARROW = (
    "ip link set lo mtu 1500 up && "
    # 40 Mbit/s, and a queue that holds all: what does not fit waits in the socket.
    "tc qdisc add dev lo root tbf rate 40mbit burst 64kb limit 64mb && "
    'exec "$@"'
)


BOTH = pytest.mark.parametrize(
    "kind", ["py", pytest.param("ext", marks=pytest.mark.ext)]
)


@pytest.mark.slow
@BOTH
def test_R4_a_full_socket_costs_no_retransmission(kind):
    result = transfers(kind, 400_000, 64, ["octet"] * 4)
    assert result["whole"] == [True] * 4
    assert set(result["events"]) == {"Finished"}
    assert result["retransmissions"] <= 64  # one window, where the test itself is slow


@pytest.mark.slow
@BOTH
def test_R4_nobody_waits_for_ever_who_shares_a_full_socket(kind):
    # Netascii is the Python machine's on either twin, and has a line of its own there.
    result = transfers(kind, 1_000_000, 200, ["octet", "netascii"] * 6)
    assert result["whole"] == [True] * 12
    assert set(result["events"]) == {"Finished"}


def transfers(kind, size, window, modes):
    """What transfers behind a slow link came to."""
    need_root()
    need("ip")
    unshare = need("unshare")
    if kind == "ext" and twin("tftp_carrier") is None:
        pytest.skip("the compiled parts are not built")
    program = [sys.executable, HERE / "narrow.py", kind, str(size), str(window), *modes]
    done = subprocess.run(
        [unshare, "-n", "sh", "-c", NARROW, "sh", *program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )
    if "qdisc kind is unknown" in done.stderr:
        pytest.skip("this kernel has no token bucket filter")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
