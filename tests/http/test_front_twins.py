"""Both twins of the front give the same answers, to whatever comes."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastboot._ext import twin
from fastboot.http import engine as module
from fastboot.http.front import Front
from fastboot.tree import Directory
from web import Server, content, get, read_to_end


def without_date(head):
    return re.sub(rb"\r\nDate: [^\r]*", b"", head)


PIECES = st.lists(
    st.sampled_from(
        [
            *(get(b"/a"), get(b"/b"), get(b"/a", b"User-Agent: iPXE")),
            *(get(b"/b", b"Range: bytes=%d-%d" % span) for span in ((0, 9), (5, 4))),
            *(get(b"/b", b"Range: bytes=%d-%d" % span) for span in ((99, 999), (5, 5))),
            *(
                get(b"/a", b"Range: bytes=%b" % text)
                for text in (b"0-", b"-3", b"00-007")
            ),
            get(b"/a", b"If-None-Match: *"),
            get(b"/a").replace(b"GET", b"HEAD"),
            get(b"/none"),
            b"\r\n",
            b"GET /a HTTP/1.0\r\n\r\n",
            b"junk\r\n\r\n",
        ]
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """An engine with each front, on one folder with old files."""
    compiled = twin("http_front")
    if compiled is None:
        pytest.skip("the compiled twin is not built: setup.py build_ext --inplace")
    root = tmp_path_factory.mktemp("root")
    for name, size in (("a", 3), ("b", 120_000)):
        (root / name).write_bytes(content(size))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(module, "time", lambda: 2_000_000_000.0)
        servers = [Server(Directory(root), kind) for kind in (Front, compiled.Front)]
        for server in servers:
            stack.callback(server.engine.close)
            stack.enter_context(server.polled())
        yield servers


@pytest.mark.ext
@settings(max_examples=40)
@given(pieces=PIECES, cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_both_twins_give_the_same_bytes_for_any_stream_in_any_split(
    twins, pieces, cuts
):
    stream = b"".join(pieces)
    answers = []
    for server in twins:
        with server.connect() as client:
            start = 0
            for cut in sorted(cut for cut in cuts if cut < len(stream)):
                client.sendall(stream[start:cut])
                start = cut
            try:
                client.sendall(stream[start:])
                client.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError, OSError):
                pass  # it was closed after a bad request
            answers.append(read_to_end(client)[0])
    assert without_date(answers[0]) == without_date(answers[1])
