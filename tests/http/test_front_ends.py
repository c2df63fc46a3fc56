"""How connections end on which the front answers: by the client, by the server."""

from __future__ import annotations

import os
import socket
import struct

from fastboot.events import Failed, Fault, Finished
from web import LARGE, Server, ask, content, get, learn, read_answer, read_to_end


def test_H7_a_client_that_resets_on_its_second_way_is_reported(serve, asked):
    asked.put("linux", content(LARGE))
    server = serve(asked)
    learn(server, b"/linux")
    client = server.connect()
    client.sendall(get(b"/linux"))
    server.pump(lambda: not server.engine.idle)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    server.pump(lambda: server.engine.stats()["connections"] == 0)
    assert len(server.of(Failed)) == 1
    assert not server.of(Fault)
    assert server.engine.idle


def test_H7_a_small_file_that_is_cut_off_on_its_second_way_is_reported(serve, asked):
    asked.put("initrd", content((1 << 20) - 1))  # more than is handed over at once
    server = serve(asked)
    learn(server, b"/initrd")
    with server.connect(receive_buffer=4 << 10) as client:
        client.sendall(get(b"/initrd"))
        server.pump(lambda: not server.engine.idle)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.pump(lambda: server.of(Failed))
    assert server.of(Failed)[0].name == "/initrd"


def test_H7_the_last_request_of_a_connection_is_the_machines(serve, asked):
    asked.put("a", b"first")
    server = serve(asked, max_requests=5)
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/a"))
        assert b"keep-alive" in read_answer(client)[1]
        client.sendall(get(b"/a") * 5)
        heads = [read_answer(client)[1] for _ in range(4)]
        assert [b"Connection: close" in head for head in heads] == [False] * 3 + [True]
        assert client.recv(1) == b""


def test_R9_draining_completes_what_is_on_its_second_way(serve, asked):
    asked.put("linux", content(LARGE))
    server = serve(asked)
    learn(server, b"/linux")
    with server.connect() as client, server.connect() as waiting:
        server.pump(lambda: server.engine.stats()["connections"] >= 2)
        client.sendall(get(b"/linux") + get(b"/linux"))
        server.pump(lambda: not server.engine.idle)
        server.engine.drain()
        with server.polled():
            assert waiting.recv(1) == b""
            assert read_answer(client)[2] == content(LARGE)
            _, head, body = read_answer(client)
            assert b"\r\nConnection: close" in head
            assert body == content(LARGE)
            assert client.recv(1) == b""
    server.pump(lambda: server.engine.idle)
    assert len(server.of(Finished)) == 3


def test_R9_a_connection_whose_last_answer_is_sent_while_draining_is_closed(
    serve, asked
):
    asked.put("linux", content(LARGE))
    server = serve(asked)
    learn(server, b"/linux")
    with server.connect() as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: not server.engine.idle)
        server.engine.drain()
        with server.polled():
            assert read_answer(client)[2] == content(LARGE)
            assert client.recv(1) == b""


def test_R9_what_was_asked_before_draining_and_waits_for_room_has_an_answer(
    serve, asked
):
    asked.put("a", content(30_000))
    server = serve(asked)
    with server.connect(receive_buffer=4 << 10) as client:
        ask(server, client, get(b"/a"))
        client.sendall(get(b"/a") * 100)
        for _ in range(50):
            server.engine.poll(0)
        server.engine.drain()
        with server.polled():
            data, reset = read_to_end(client)
    assert data.count(b"\r\nConnection: close\r\n") == 1  # the last says so
    assert data.endswith(content(30_000))
    assert not reset


def test_R9_closing_cuts_off_what_is_on_its_second_way(asked, front):
    asked.put("linux", content(LARGE))
    before = set(os.listdir("/proc/self/fd"))
    server = Server(asked, front)
    learn(server, b"/linux")
    with server.connect() as client:
        client.sendall(get(b"/linux"))
        server.pump(lambda: not server.engine.idle)
        server.engine.close()
        assert server.engine.idle
        assert read_to_end(client)[1]
    assert [event.reason for event in server.of(Failed)] == ["the server was stopped"]
    assert set(os.listdir("/proc/self/fd")) == before
