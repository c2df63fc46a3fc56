"""How the server is, and nothing of who asked for what."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

import download
from command import FREE
from fastboot.config import Config, DhcpConfig, HttpConfig, TftpConfig
from fastboot.errors import NotFound, Refused
from fastboot.pages.health import Health
from fastboot.server import Server
from fastboot.tree import Client
from serving import Serving

ME = Client("192.0.2.7", "http")
PATH = "/_fastboot/health"


def page(tree, name=PATH):
    blob = tree.open(name, ME)
    assert blob.kind == "application/json"
    return json.loads(blob.read(0, blob.size))


def test_it_has_version_uptime_and_the_counters_of_each_engine():
    now = iter([1000.0, 1061.9])
    health = Health("1.2.3", lambda: {"http": {"requests": 7}}, lambda: next(now))
    assert page(health) == {
        "status": "ok",
        "version": "1.2.3",
        "uptime_seconds": 61,
        "engines": {"http": {"requests": 7}},
    }


def test_it_is_never_kept():
    health = Health("1.2.3", dict, lambda: 0.0)
    assert dict(health.open(PATH, ME).fields)["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("/", NotFound),
        ("/_fastboot", NotFound),
        (PATH + "/x", NotFound),
        ("/../_fastboot/health", Refused),
    ],
)
def test_other_names_are_not_its(name, error):
    with pytest.raises(error):
        Health("1.2.3", dict, lambda: 0.0).open(name, ME)


def config(folder, **http):
    return Config(
        folder,
        address=("127.0.0.1",),
        tftp=TftpConfig(port=0),
        http=HttpConfig(port=0, **http),
        dhcp=DhcpConfig(mode="off"),
    )


def test_a_server_has_it_unless_it_is_switched_off(tmp_path):
    with closing(Server(config(tmp_path), print)) as server:
        assert set(page(server.tree)["engines"]) == {"tftp", "http"}
    without = config(tmp_path, health=False)
    with closing(Server(without, print)) as server, pytest.raises(NotFound):
        server.tree.open(PATH, ME)


def test_H10_it_tells_neither_who_asked_nor_what_for(tmp_path):
    folder = tmp_path / "images-of-the-house"
    folder.mkdir()
    (folder / "secret-name").write_bytes(b"content")
    with Serving(folder, *FREE, "--dhcp", "off") as server:
        port = server.port("http")
        download.http_get(port, "secret-name")
        download.tftp(server.port("tftp"), "secret-name")
        text = download.http_get(port, PATH.lstrip("/")).decode()
    engines = json.loads(text)["engines"]
    assert engines["http"]["requests"] >= 1
    for word in ("secret-name", "images-of-the-house", "127.0.0.1"):
        assert word not in text
