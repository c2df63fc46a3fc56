"""Engines that are started and closed: with each of the two fronts, and over TLS."""

from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial

import pytest

from fastboot._ext import twin
from fastboot.http.front import Front
from fastboot.tree import Directory
from secure_web import LARGE, SecureServer
from web import Server, content


@pytest.fixture(params=["python", pytest.param("compiled", marks=pytest.mark.ext)])
def front(request):
    """Who meets the requests first: both twins."""
    if request.param == "python":
        return Front
    compiled = twin("http_front")
    if compiled is None:
        pytest.skip("the compiled twin is not built: setup.py build_ext --inplace")
    return compiled.Front


def starting(make):
    """A function that starts engines; they are closed, and with them every descriptor."""
    with ExitStack() as stack:

        def start(tree, **settings):
            server = make(tree, **settings)
            stack.callback(server.engine.close)
            return server

        yield start


@pytest.fixture
def serve(front):
    """Start engines."""
    yield from starting(partial(Server, front=front))


@pytest.fixture
def folder(tmp_path):
    """A folder to serve, with its tree."""
    (tmp_path / "root").mkdir()
    tree = Directory(tmp_path / "root")
    yield tmp_path / "root", tree
    tree.close()


def read_answer_head(client):
    """The head of one answer, and not a byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = client.recv(1)
        assert more, head
        head += more
    return head


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The authority, and the certificates with their keys."""
    store = pytest.importorskip("fastboot.tls.store").Store(
        tmp_path_factory.mktemp("tls") / "state", "host"
    )
    return store.authority, store.pairs(["127.0.0.1"], datetime.now(UTC))


@pytest.fixture
def serve_secure(made):
    """Start engines of HTTPS."""
    yield from starting(partial(SecureServer, made=made))


@pytest.fixture
def large(tmp_path):
    """A tree with the file /linux."""
    (tmp_path / "linux").write_bytes(content(LARGE))
    tree = Directory(tmp_path)
    yield tmp_path, tree
    tree.close()
