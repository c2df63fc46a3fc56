"""What emulated firmware makes of servers that are under test themselves."""

import socket
import threading

import pytest

from fastboot.testing.loading import LoadError, Tftp
from fastboot.tftp.packet import OptionAck


@pytest.fixture
def granting():
    """Makes servers that answer one request with an OACK of these options."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(20)

        def serve(*options):
            def answer():
                _, peer = sock.recvfrom(2048)
                sock.sendto(OptionAck(options).encode(), peer)

            threading.Thread(target=answer, daemon=True).start()
            return Tftp(sock.getsockname(), "127.0.0.1", patience=10.0)

        yield serve


@pytest.mark.parametrize("value", [b"large", b"-8", b"0", b"1" * 5000, b""])
@pytest.mark.parametrize("name", [b"blksize", b"windowsize"])
def test_a_grant_that_is_no_number_is_a_file_that_was_not_loaded(granting, name, value):
    tftp = granting((name, value))
    with pytest.raises(LoadError, match="the server grants"):
        tftp.load("file", ((name, b"1024"),))


@pytest.mark.parametrize(("value", "size"), [(b"1428", 1428), (b"many", None)])
def test_a_size_is_a_number_or_not_told(granting, value, size):
    tftp = granting((b"tsize", value))
    assert tftp.size("file", ((b"tsize", b"0"),)) == size
