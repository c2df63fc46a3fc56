"""`fastboot serve --workers`: threads that serve as one."""

from pathlib import Path

import pytest

import download
from command import FREE, complaint
from serving import Serving


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    return tmp_path


@pytest.mark.parametrize("workers", [1, 3])
def test_each_worker_is_a_thread_for_each_protocol(folder, workers):
    flags = (*FREE, "--dhcp", "off", "--workers", str(workers))
    with Serving(folder, *flags) as server:
        tasks = Path(f"/proc/{server._process.pid}/task")
        without = 2  # the one of the program, and the one that writes the log
        assert len(list(tasks.iterdir())) == without + 2 * workers
        for _ in range(16):
            assert download.tftp(server.port("tftp"), "file") == b"content"
            assert download.http_get(server.port("http"), "file") == b"content"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_R18_a_second_server_on_the_same_port_is_an_error(folder, workers):
    """It would share the port as workers do, and get half of the clients."""
    flags = ("--dhcp", "off", "--no-http", "--workers", workers, "--address")
    with Serving(folder, *FREE, *flags, "127.0.0.1", protocols=("tftp",)) as server:
        port = str(server.port("tftp"))
        text = complaint("serve", folder, *flags, "127.0.0.1", "--tftp-port", port)
        assert f"pid {server._process.pid}" in text
