"""Networks of the comparison's own: ports are free there, and nobody listens in."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benches.programs import Missing, find

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


DEVICE = "veth-bench"
"""The end of the cable that is ours; the server's is eth0."""

NEAR, FAR = "198.51.100.1", "198.51.100.2"
"""Our address on the cable, and the server's."""


@contextmanager
def cable() -> Iterator[list[str]]:
    """A network for a server, with a cable to ours.

    Yields:
        The beginning of a command that runs a program there.

    Raises:
        Missing: It takes root, or a program that is not there.
    """
    if os.geteuid() != 0:
        raise Missing("networks can be made by root alone")
    ip, unshare = find("ip", "iproute2"), find("unshare", "util-linux")
    nsenter = find("nsenter", "util-linux")
    # The namespace lives as long as this process, which ends with its input.
    holder = subprocess.Popen(
        [unshare, "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin
    assert holder.stdout
    try:
        holder.stdin.write(b"held\n")
        holder.stdin.flush()
        holder.stdout.readline()
        there = [str(nsenter), f"--net=/proc/{holder.pid}/ns/net", "--"]

        def run(*words: str, inside: bool = False) -> None:
            command = [*(there if inside else []), str(ip), *words]
            subprocess.run(command, check=True, timeout=30)

        pair = ("link", "add", DEVICE, "type", "veth")
        run(*pair, "peer", "name", "eth0", "netns", str(holder.pid))
        for device, address, inside in ((DEVICE, NEAR, False), ("eth0", FAR, True)):
            run("link", "set", device, "up", inside=inside)
            whole = (f"{address}/24", "broadcast", "+", "dev", device)
            run("address", "add", *whole, inside=inside)
        run("link", "set", "lo", "up", inside=True)
        yield there
    finally:
        holder.communicate()
        # With the namespace goes its end of the cable, and with that ours; soon, not
        # at once.
        subprocess.run([ip, "link", "del", DEVICE], check=False, capture_output=True)
