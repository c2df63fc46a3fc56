"""What an app's functions answer, under each loop, and what becomes of their mistakes."""

import os
import sys
import threading

import pytest

import download
import fastboot
from fastboot import events
from fastboot.app import answer
from fastboot.embedding import FAULTS_AT_ONCE, saying_faults
from fastboot.http import recall
from fastboot.mounts import Mounts
from fastboot.tftp import recall as tftp_recall

from .embedded import FILE, app_of, embed, get

BOTH = {"tftp": 0, "http": 0, "address": "127.0.0.1"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    return tmp_path


@pytest.mark.parametrize("name", ["now/525400123456", "later/42", "file"])
def test_content_is_the_same_over_tftp_and_http(loop, folder, name):
    heard = []
    server = fastboot.serve(app_of(folder), emit=heard.append, **BOTH)

    def work():
        return get(server, "tftp", name), get(server, "http", name)

    by_tftp, by_http = embed(loop, server, work)
    assert by_tftp == by_http
    assert len(by_tftp) > 2000
    assert [type(event) for event in heard] == [events.Finished] * 2


def test_ipxe_may_say_who_it_is_in_a_query(folder):
    app = fastboot.App()
    app.get("boot")(lambda request: f"#!ipxe\necho {request.query['mac']}\n")
    with fastboot.serve(app, http=0, address="127.0.0.1") as server:
        for mac in ("52:54:00:12:34:56", "52:54:00:00:00:01", "52:54:00:12:34:56"):
            script = get(server, "http", f"boot?mac={mac}")
            assert script == f"#!ipxe\necho {mac}\n".encode()


@pytest.mark.parametrize("protocol", ["tftp", "http"])
def test_F6_a_path_where_files_may_hang_is_opened_by_a_thread(
    loop, folder, monkeypatch, protocol
):
    app, opened = fastboot.App(), []
    app.get("now")(lambda request: folder / "file")

    @app.get("later")
    async def later(request):
        return folder / "file"

    def open_now(path):
        opened.append(threading.current_thread().name)
        return fastboot.Blob.from_bytes(path.read_bytes())

    monkeypatch.setattr(Mounts, "slow_at", lambda self, path: 7)
    monkeypatch.setattr(answer, "_open_now", open_now)
    server = fastboot.serve(app, **BOTH)
    names = ("now", "later")
    assert embed(loop, server, lambda: [get(server, protocol, n) for n in names]) == [
        FILE,
        FILE,
    ]
    assert opened == ["fastboot.crew"] * 2


@pytest.mark.parametrize("protocol", ["tftp", "http"])
def test_errors_are_the_protocols_own(loop, folder, protocol):
    heard = []
    server = fastboot.serve(app_of(folder), emit=heard.append, **BOTH)

    def work():
        texts = []
        for name in ("now/nobody", "refused", "broken"):
            with pytest.raises(download.Refusal) as info:
                get(server, protocol, name)
            texts.append(str(info.value))
        return texts

    texts = embed(loop, server, work)
    if protocol == "http":
        assert texts == ["404", "403", "500"]
    else:
        assert texts[:2] == ["no such file", "not for you"]
    faults = [event for event in heard if isinstance(event, events.Fault)]
    assert [type(fault.error) for fault in faults] == [ZeroDivisionError]


def test_a_program_that_fails_to_hear_of_events_is_told_and_served(
    loop, folder, monkeypatch
):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    def emit(event):
        raise ZeroDivisionError

    server = fastboot.serve(folder, emit=emit, **BOTH)
    assert embed(loop, server, lambda: get(server, "http", "file")) == FILE
    assert {args.exc_type for args in told} == {ZeroDivisionError}
    assert told[0].object is emit


def test_what_it_raises_is_written_where_the_program_has_no_hook(
    folder, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)

    def emit(event):
        raise ZeroDivisionError("from emit")

    with fastboot.serve(folder, emit=emit, **BOTH) as server:
        assert get(server, "http", "file") == FILE
    written = capsys.readouterr().err
    assert "ZeroDivisionError: from emit" in written
    assert "Exception ignored in: <function" in written


def ask_for_what_is_broken(app):
    with fastboot.serve(app, **BOTH) as server, pytest.raises(download.Refusal):
        get(server, "http", "broken")


def test_a_mistake_in_a_function_is_told_where_nobody_asked_for_events(
    folder, monkeypatch
):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    ask_for_what_is_broken(app_of(folder))
    (args,) = told
    assert isinstance(args.exc_value, ZeroDivisionError)
    assert args.err_msg == "fastboot (http) goes on after a mistake:"


def test_G4_who_makes_a_function_fail_again_and_again_fills_no_log(monkeypatch):
    told, clock = [], [0.0]
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    say = saying_faults(lambda: clock[0])
    for _ in range(1000):
        say(events.Fault("http", ZeroDivisionError()))
    assert len(told) == FAULTS_AT_ONCE
    clock[0] += 2.0
    for _ in range(1000):
        say(events.Fault("http", ZeroDivisionError()))
    assert len(told) == FAULTS_AT_ONCE + 2


def test_a_mistake_is_the_apps_alone_that_asked_for_mistakes(folder, monkeypatch):
    told, heard = [], []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    app = app_of(folder)
    app.on(events.Fault)(heard.append)
    ask_for_what_is_broken(app)
    assert (told, len(heard)) == ([], 1)


@pytest.mark.parametrize("protocol", ["tftp", "http"])
def test_who_may_read_is_asked_each_time(folder, monkeypatch, protocol):
    """Also for a file that could be sent again without asking anybody."""
    monkeypatch.setattr(recall, "SETTLED", -1.0)
    monkeypatch.setattr(tftp_recall, "SETTLED_NS", -(10**18))
    (folder / "small").write_bytes(FILE[:1500])
    os.utime(folder / "small", (1, 1))
    app, allowed = fastboot.App(folder), [True]
    app.may(lambda request: allowed[0])
    with fastboot.serve(app, **BOTH) as server:
        for _ in range(4):
            assert get(server, protocol, "small") == FILE[:1500]
        allowed[0] = False
        for _ in range(2):
            with pytest.raises(download.Refusal):
                get(server, protocol, "small")
