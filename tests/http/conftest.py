"""Engines that are started and closed: with each of the two fronts, and over TLS."""

from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial

import pytest

from fastboot._ext import twin
from fastboot.http import engine, message
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


@pytest.fixture(params=["py", pytest.param("ext", marks=pytest.mark.ext)])
def scan(request, monkeypatch):
    """Who looks through a request's head: the scanner in Python, and its compiled twin."""
    if request.param == "py":
        monkeypatch.setattr(message, "scan_head", message._scan_head)
        return
    compiled = twin("http_message")
    if compiled is None:
        pytest.skip("the compiled twin is not built: setup.py build_ext --inplace")
    monkeypatch.setattr(message, "scan_head", compiled.scan_head)


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


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self):
        self.now = 1000.0


@pytest.fixture
def clock(monkeypatch):
    """The clock of engines that are started from now on."""
    clock = Clock()
    monkeypatch.setattr(engine, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def years_later(monkeypatch):
    """The clock on the wall is years ahead, so that every file is old."""
    monkeypatch.setattr(engine, "time", lambda: 2_000_000_000.0)


class Asked:
    """A folder that remembers what was asked for."""

    def __init__(self, root):
        self.root = root
        self.names = []
        self._tree = Directory(root)
        self.path_of = self._tree.path_of

    def put(self, name, data):
        """Write a file."""
        (self.root / name).write_bytes(data)
        return self.root / name

    def open(self, name, client):
        self.names.append(name)
        return self._tree.open(name, client)

    def close(self):
        self._tree.close()


@pytest.fixture
def asked(tmp_path, years_later):
    """A folder of old files that remembers what was asked for."""
    asked = Asked(tmp_path)
    yield asked
    asked.close()


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
