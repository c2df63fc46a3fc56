"""What the kernel encrypts is told from what it would send in clear text."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import struct

import pytest

from fastboot.http import secure
from fastboot.http.secure import kernel_encrypts
from secure_web import CLOSE
from web import get


class Asked:
    """A socket that answers one question of getsockopt(2)."""

    def __init__(self, answer):
        self.answer = answer

    def getsockopt(self, level, option, size):
        assert (level, option, size) == (282, 1, 4)  # SOL_TLS, TLS_TX
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("version", [0x0303, 0x0304])
@pytest.mark.parametrize("cipher", [51, 52, 54])  # AES-GCM 128 and 256, ChaCha20
def test_the_kernel_encrypts_where_it_names_version_and_cipher(version, cipher):
    assert kernel_encrypts(Asked(struct.pack("=HH", version, cipher)))


@pytest.mark.parametrize(
    "answer",
    [
        OSError(errno.EOPNOTSUPP, "no TLS on this socket"),
        OSError(errno.ENOPROTOOPT, "no TLS in this kernel"),
        OSError(errno.EBUSY, "TLS, but no keys yet"),
        OSError(errno.EINVAL, "another size"),
        b"",
        b"\x03\x03",
        b"\0\0\0\0",
        struct.pack("=HH", 0x0303, 0),
        struct.pack("=HH", 0x0302, 51),
        struct.pack("=HH", 0x0303, 51) + b"\0",
    ],
)
def test_anything_else_means_that_it_does_not(answer):
    assert not kernel_encrypts(Asked(answer))


def test_a_plain_socket_is_not_encrypted_by_the_kernel():
    one, other = socket.socketpair()
    with one, other:
        assert not kernel_encrypts(one)
    with socket.socket() as sock:
        assert not kernel_encrypts(sock)


@pytest.mark.parametrize("encrypts", [False, True])
def test_sendfile_is_used_where_the_kernel_encrypts_and_nowhere_else(
    serve_secure, large, monkeypatch, encrypts
):
    calls = []

    def sendfile(*args):
        calls.append(args)
        raise OSError(errno.EPIPE, "nothing may leave by this test")

    monkeypatch.setattr(secure, "kernel_encrypts", lambda sock: encrypts)
    monkeypatch.setattr(os, "sendfile", sendfile)
    server = serve_secure(large[1])
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/linux", CLOSE))
        try:
            while client.recv(1 << 16):
                pass
        except (ssl.SSLEOFError, ConnectionResetError):
            pass
    assert bool(calls) is encrypts
