"""What may be asked for over HTTP, and what is heard and told of it."""

from __future__ import annotations

import os
import re

import pytest

from fastboot.events import Dropped, Finished, Probed, RequestRefused
from fastboot.tree import Memory
from web import get, read_answer, read_answer_head, read_to_end

NAMES_OUTSIDE = [
    b"/../%s",
    b"/a/../../%s",
    b"/%%2e%%2e/%s",
    b"/..%%5c%s",
    b"/" + b"../" * 1000 + b"%s",
    b"/link/%s",
    b"/..;/../%s",
]


@pytest.mark.parametrize("name", NAMES_OUTSIDE)
def test_P1_P6_nothing_tells_what_there_is_outside_of_the_root(serve, folder, name):
    root, tree = folder
    (root.parent / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(root.parent)
    server = serve(tree)
    answers = []
    with server.polled():
        for target in (b"secret", b"absent"):
            with server.connect() as client:
                client.sendall(get(name % target))
                status, head, body = read_answer(client)
                answers.append((status, re.sub(rb"Date: .*\r\n", b"", head), body))
    assert answers[0] == answers[1]
    assert answers[0][0] in (403, 404)
    assert len(server.of(RequestRefused)) == 2


@pytest.mark.parametrize(
    "name", [b"/etc/passwd", b"//f", b"/./f", b"/d", b"/pipe", b"/"]
)
def test_P2_P7_names_that_are_no_file_beneath_the_root(serve, folder, name):
    root, tree = folder
    (root / "f").write_bytes(b"here")
    (root / "d").mkdir()
    os.mkfifo(root / "pipe")
    server = serve(tree)
    with server.polled(), server.connect() as client:
        client.sendall(get(name))
        status, _, body = read_answer(client)
    if name.endswith(b"/f"):
        assert body == b"here"
    else:
        assert status in (403, 404)


def test_the_tree_learns_what_the_client_accepts(serve):
    class Asked(Memory):
        def open(self, name, client):
            asked.append(client)
            return super().open(name, client)

    asked = []
    server = serve(Asked({"f": b"fine"}))
    with server.polled(), server.connect() as client:
        client.sendall(get(b"/f", b"Accept: text/html", b"User-Agent: a") + get(b"/f"))
        read_answer(client)
        read_answer(client)
    assert [(one.accept, one.agent) for one in asked] == [("text/html", "a"), ("", "")]


def test_H10_what_follows_the_question_mark_is_in_no_report(serve):
    """Tokens stand there: firmware can send none in a field."""
    server = serve(Memory({"f": b"fine"}))
    with server.polled(), server.connect() as client:
        for path in (b"/f", b"/missing"):
            client.sendall(get(path + b"?token=s3cret"))
            read_answer(client)
        client.sendall(b"HEAD /f?token=s3cret HTTP/1.1\r\nHost:\r\n\r\n")
        read_answer_head(client)
        client.sendall(b"PUT /f?token=s3cret HTTP/1.1\r\nHost:\r\n\r\n")
        read_to_end(client)
    kinds = [type(event) for event in server.events]
    assert kinds == [Finished, RequestRefused, Probed, Dropped]
    assert "s3cret" not in repr(server.events)
