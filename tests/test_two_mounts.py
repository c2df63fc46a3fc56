"""Two file systems beneath one folder, of which one hangs: the kernel's own, by FUSE."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

import download
import fastboot
from disk import PATIENCE
from fuse import content, mounted

ASKING = 12
"""Requests for what hangs: more than there are threads for one file system."""


@pytest.fixture
def server(tmp_path):
    """A server, and the file system that hangs while the test lasts."""
    (tmp_path / "file").write_bytes(b"on the disk")
    with ExitStack() as stack:
        mounts = []
        for name in ("hangs", "well"):
            (tmp_path / name).mkdir()
            mounts.append(stack.enter_context(mounted(tmp_path / name, 200_000)))
        hanging, _ = mounts
        rescue = threading.Timer(PATIENCE, hanging.go_on)
        rescue.start()
        with fastboot.serve(tmp_path, tftp=0, http=0, address="127.0.0.1") as server:
            hanging.hang()
            yield server, hanging
            in_time = rescue.is_alive()
            rescue.cancel()
            hanging.go_on()
    assert in_time, "it was the test's own rescue that went on"


@pytest.mark.parametrize("name", ["hangs/linux", "boot.ipxe"])
@pytest.mark.parametrize("protocol", ["tftp", "http"])
def test_F6_who_asks_for_what_hangs_keeps_neither_disks_nor_other_mounts(
    server, protocol, name
):
    server, hanging = server
    fetch = {"tftp": download.tftp, "http": download.http_get}[protocol]
    port = server.port(protocol)
    with ThreadPoolExecutor(ASKING) as others:
        asked = [others.submit(fetch, port, name) for _ in range(ASKING)]
        for _ in range(3):
            assert fetch(port, "well/linux") == content(200_000)
            assert fetch(port, "file") == b"on the disk"
        assert not any(one.done() for one in asked)
        hanging.go_on()
        assert not any(one.exception(PATIENCE) for one in asked)
