"""The HTTP load client is right about what it was sent, or its numbers mean nothing."""

import random
import socket
import threading
from datetime import UTC, datetime

import pytest

from fastboot.tree import Directory
from secure_web import SecureServer
from web import Server

pytestmark = pytest.mark.slow

SIZES = {"small": 4096, "odd": 100_001, "large": 3_000_000}


@pytest.fixture(scope="session")
def load():
    """Runs the load client."""
    from benches import programs
    from benches.load.http_client import load

    try:
        programs.compiled("http")
    except programs.Missing as error:
        pytest.skip(str(error))
    return load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of noise."""
    folder = tmp_path_factory.mktemp("files")
    noise = random.Random(5)
    for name, size in SIZES.items():
        (folder / name).write_bytes(noise.randbytes(size))
    return folder


@pytest.fixture(scope="module")
def port(folder):
    """The port of an engine."""
    tree = Directory(folder)
    server = Server(tree, None, max_connections=500, max_requests=10)
    with server.polled():
        yield server.address[1]
    server.engine.close()
    tree.close()


@pytest.mark.parametrize("clients", [1, 7])
def test_files_are_compared_byte_for_byte(load, port, folder, clients):
    files = [folder / name for name in SIZES]
    outcome = load(port, *files, clients=clients, requests=60)
    assert (outcome.completed, outcome.failed, outcome.error) == (60, 0, "")
    if clients == 1:  # several take turns each, who ends first asks once more
        assert outcome.compared == 20 * sum(SIZES.values())
    assert outcome.compared > 15 * sum(SIZES.values())
    assert outcome.connections >= 6  # each is closed after ten requests


def test_parts_are_compared_byte_for_byte(load, port, folder):
    outcome = load(port, folder / "large", clients=3, requests=50, range=4096)
    assert (outcome.completed, outcome.failed) == (50, 0)
    assert outcome.compared == 50 * 4096


def test_what_is_not_compared_is_counted(load, port, folder):
    outcome = load(port, folder / "large", requests=5, compare=1000)
    assert outcome.completed == 5
    assert outcome.compared < outcome.bytes
    assert outcome.bytes > 5 * SIZES["large"]


def test_a_client_takes_no_more_than_its_rate(load, port, folder):
    outcome = load(port, folder / "odd", clients=2, requests=2, rate=200_000)
    assert outcome.completed == 2
    assert outcome.seconds > 0.3  # it may take 20 kB every tenth of a second


@pytest.fixture
def secure_port(folder, tmp_path):
    """The port of an engine of HTTPS."""
    store = pytest.importorskip("fastboot.tls.store").Store(tmp_path / "state", "host")
    made = store.authority, store.pairs(["127.0.0.1"], datetime.now(UTC))
    tree = Directory(folder)
    server = SecureServer(tree, made)
    with server.polled():
        yield server.address[1]
    server.engine.close()
    tree.close()


def test_over_tls_connections_are_kept(load, secure_port, folder):
    files = [folder / name for name in SIZES]
    outcome = load(secure_port, *files, clients=3, requests=30, tls=True)
    assert (outcome.completed, outcome.failed, outcome.error) == (30, 0, "")
    assert (outcome.connections, outcome.resumed) == (3, 0)


def test_over_tls_a_client_takes_no_more_than_its_rate(load, secure_port, folder):
    file, asked = folder / "odd", {"clients": 2, "requests": 2, "tls": True}
    outcome = load(secure_port, file, rate=200_000, **asked)
    assert (outcome.completed, outcome.failed, outcome.error) == (2, 0, "")
    assert outcome.seconds > 0.3


@pytest.mark.parametrize(("how", "resumed"), [("fresh", 0), ("resume", 18)])
def test_over_tls_each_request_may_have_its_connection(
    load, secure_port, folder, how, resumed
):
    asked = {"clients": 2, "requests": 20, "tls": True, how: True}
    outcome = load(secure_port, folder / "small", **asked)
    assert (outcome.completed, outcome.failed, outcome.error) == (20, 0, "")
    assert outcome.connections == 20
    assert outcome.resumed == resumed  # the first of each client begins its session


@pytest.mark.parametrize("kind", ["idle", "stalled", "slow"])
def test_others_are_there_while_one_asks(load, port, folder, kind):
    seen = []
    files = [folder / "large", folder / "small"]
    asked = {kind: 100, "requests": 5}
    outcome = load(port, *files, meanwhile=lambda: seen.append(kind), **asked)
    assert seen == [kind]
    assert (outcome.completed, outcome.failed, outcome.error) == (5, 0, "")
    assert 0 < outcome.latency <= outcome.latency_max


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcX", "wrong bytes"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
            "another Content-Length",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcdX", "more bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", "ended early"),
        (b"HTTP/1.1 200 OK\r\n\r\nabcd", "no Content-Length"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"", "ended early"),
    ],
)
def test_an_answer_that_is_wrong_is_a_failure(load, tmp_path, answer, error):
    (tmp_path / "file").write_bytes(b"abcd")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def play():
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(answer)

        player = threading.Thread(target=play)
        player.start()
        outcome = load(listener.getsockname()[1], tmp_path / "file", requests=1)
        player.join()
    assert (outcome.completed, outcome.failed) == (0, 1)
    assert error in outcome.error
