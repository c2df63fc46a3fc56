"""A network of the comparison's own: port 69 is free there, and nobody listens in."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

_NEW_NETWORK = 0x4000_0000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_SET_ADDRESS = 0x8916

_SECOND_ADDRESS = "192.0.2.1"
"""For documentation (RFC 5737): tftpd-hpa resolves no address, not even a numeric one,
on a machine that has loopback addresses only."""


def enter() -> bool:
    """Move this process to a network namespace with nothing but a loopback.

    Returns:
        Whether it could; that takes root. Otherwise everything stays on the machine's
        own loopback, and servers that insist on port 69 are left out.
    """
    if os.geteuid() != 0 or ctypes.CDLL(None).unshare(_NEW_NETWORK) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = fcntl.ioctl(sock, _GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
        _, flags = struct.unpack("16sh14x", request)
        fcntl.ioctl(sock, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))
        address = socket.inet_aton(_SECOND_ADDRESS)
        request = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, address)
        fcntl.ioctl(sock, _SET_ADDRESS, request)
    return True
