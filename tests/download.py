"""Blocking downloads, one call each, for tests in which many run at once."""

import http.client
import socket

from fastboot.tftp.packet import Ack, Data, Error, ReadRequest, decode

PATIENCE = 30.0
"""Seconds without an answer after which a test fails instead of hanging."""


SO_RCVBUFFORCE = 33  # asm-generic/socket.h; root may go beyond the system's limit


class Refusal(Exception):
    """The server answered with an ERROR."""


def _go_on():
    """Nothing keeps it from reading on."""


def tftp(
    port,
    name,
    blksize=1428,
    window=4,
    address="127.0.0.1",
    mode=b"octet",
    begun=_go_on,
):
    """The file's bytes over TFTP, as a client without losses reads them.

    `begun` is called once it was answered, before it takes anything.
    """
    options = ((b"blksize", b"%d" % blksize), (b"windowsize", b"%d" % window))
    request = ReadRequest(name.encode(), mode, options)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _widen(sock)
        sock.settimeout(PATIENCE)
        sock.sendto(request.encode(), (address, port))
        raw, tid = sock.recvfrom(65536)
        if isinstance(packet := decode(raw), Error):
            raise Refusal(packet.message.decode())
        begun()
        sock.connect(tid)
        sock.send(Ack(0).encode())
        return _blocks(sock, blksize, window)


def _widen(sock):
    """Room for a window of small packets, each of which counts for a page."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)


def _blocks(sock, blksize, window):
    payload, expected, acked = [], 1, 0
    while True:
        packet = decode(sock.recv(65536))
        if isinstance(packet, Error):
            raise Refusal(packet.message.decode())
        if not isinstance(packet, Data):
            continue
        if packet.block != expected & 0xFFFF:
            acked = expected - 1  # RFC 7440, section 4: a window begins behind it
            sock.send(Ack(acked & 0xFFFF).encode())
            continue
        payload.append(packet.payload)
        last = len(packet.payload) < blksize
        if last or expected - acked == window:
            acked = expected
            sock.send(Ack(expected & 0xFFFF).encode())
        if last:
            return b"".join(payload)
        expected += 1


def http_get(port, name, address="127.0.0.1", begun=_go_on):
    """The file's bytes over HTTP; `begun` as for TFTP."""
    connection = http.client.HTTPConnection(address, port, timeout=PATIENCE)
    try:
        connection.request("GET", f"/{name}")
        response = connection.getresponse()
        begun()
        body = response.read()
        if response.status != 200:
            raise Refusal(f"{response.status}")
        return body
    finally:
        connection.close()
