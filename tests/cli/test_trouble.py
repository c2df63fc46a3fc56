"""`fastboot serve` where what it stands on fails it: its log, its limits, its threads."""

import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading

import pytest

import download
from command import COMMAND, FREE, allowed, complaint, run
from fastboot.commands import serve
from serving import Serving

HERE = (*FREE, "--dhcp", "off")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    return tmp_path


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Mute:
    """A server whose log tells nothing about when it is ready."""

    def __init__(self, folder, *flags, **kinds):
        self.port = free_port()
        flags = ("--http-port", str(self.port), *flags)
        self.process = subprocess.Popen(
            [*COMMAND, "serve", folder, *HERE, *flags],
            stderr=subprocess.PIPE,
            text=True,
            **kinds,
        )

    def get(self, name):
        """Fetch a file, as soon as the port is open."""
        pause = threading.Event()
        for _ in range(3000):
            try:
                return download.http_get(self.port, name)
            except ConnectionRefusedError:
                assert self.process.poll() is None, self.process.stderr.read()
                pause.wait(0.01)
        raise AssertionError("the port never opened")

    def end(self):
        """Its exit code after SIGTERM, and what it complained about."""
        self.process.terminate()
        _, complaints = self.process.communicate(timeout=30)
        return self.process.returncode, complaints


def closed_stdout():
    os.close(1)


@pytest.mark.parametrize("form", ["text", "json"])
def test_without_standard_output_files_are_served(folder, form):
    server = Mute(folder, "--log-format", form, preexec_fn=closed_stdout)
    assert server.get("file") == b"content"
    assert download.http_get(server.port, "file") == b"content"
    assert server.end() == (0, "")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_whose_reader_is_gone_stops_nothing(folder, form):
    reader, writer = os.pipe()
    os.close(reader)
    server = Mute(folder, "--log-format", form, stdout=writer)
    os.close(writer)
    assert server.get("file") == b"content"
    assert download.http_get(server.port, "file") == b"content"
    assert server.end() == (0, "")


def test_a_log_that_nobody_reads_stops_neither_serving_nor_sigterm(folder):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while select.select((), (writer,), (), 0)[1]:
        os.write(writer, bytes(1 << 12))
    os.set_blocking(writer, True)
    server = Mute(folder, stdout=writer)
    os.close(writer)
    for _ in range(3):
        assert server.get("file") == b"content"
    assert server.end() == (0, "")
    os.close(reader)


def test_a_name_that_the_log_cannot_spell_is_served(folder):
    (folder / "gr\u00f6\u00dfe").write_bytes(b"content")
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    server = Mute(folder, stdout=subprocess.PIPE, env=env)
    assert server.get("gr%C3%B6%C3%9Fe") == b"content"
    assert server.get("file") == b"content"
    server.process.terminate()
    log, complaints = server.process.communicate(timeout=30)
    assert (server.process.returncode, complaints) == (0, "")
    assert "got /gr\\xf6\\xdfe: 7 B" in log


BROKEN = """if True:
    import sys
    from fastboot.{protocol} import engine

    def poll(self, timeout=0.0):
        raise ZeroDivisionError("broken")

    engine.Engine.poll = poll
    from fastboot.__main__ import main
    main()
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
@pytest.mark.parametrize("protocol", ["tftp", "http"])
def test_an_engine_that_fails_ends_the_service_with_one_line(folder, loop, protocol):
    command = [sys.executable, "-c", BROKEN.format(protocol=protocol)]
    flags = ("--loop", loop, "--log-format", "json")
    done = run("serve", folder, *HERE, *flags, command=command)
    assert done.returncode == 1
    assert done.stderr == (
        f"fastboot: {protocol.upper()} failed, so the server stops: "
        "ZeroDivisionError('broken')\n"
    )
    (fault,) = (line for line in done.stdout.splitlines() if '"Fault"' in line)
    assert f'"protocol": "{protocol}"' in fault
    assert "in poll" in fault


def test_all_the_files_that_may_be_open_are_used(folder):
    place = allowed(300, 5000)
    with Serving(folder, *HERE, place=lambda *c: [*place, *c]) as server:
        pid = server._process.pid
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (5000, 5000)


def test_a_limit_that_macos_does_not_take_is_come_near_to(monkeypatch):
    taken = []

    def setrlimit(which, limits):
        if limits[0] == (1 << 63) - 1:
            raise ValueError("current limit exceeds maximum limit")
        taken.append(limits)

    def getrlimit(which):
        return taken[-1] if taken else (256, (1 << 63) - 1)

    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    assert serve._raise_file_limit() == serve.OPEN_MAX


def test_a_limit_that_cannot_be_raised_stays(monkeypatch):
    def setrlimit(which, limits):
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 1024))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    assert serve._raise_file_limit() == 256


def test_limits_that_files_do_not_suffice_for_are_lowered_and_that_is_said(folder):
    place = allowed(400)
    limits = ("--tftp-max-transfers", "600", "--http-max-connections", "300")
    flags = (*HERE, *limits, "--workers", "1")
    with Serving(folder, *flags, place=lambda *c: [*place, *c]) as server:
        said = server.lines[0]
    assert said == (
        "fastboot: only 400 files may be open at a time, so at most 116 TFTP transfers "
        "and 58 HTTP connections; allow more with `ulimit -n`\n"
    )


def test_a_protocol_that_is_off_is_not_spoken_of(folder):
    place = allowed(400)
    flags = (*HERE, "--no-http", "--workers", "1")
    with Serving(
        folder, *flags, protocols=("tftp",), place=lambda *c: [*place, *c]
    ) as server:
        assert "262 TFTP transfers; allow more" in server.lines[0]


def test_workers_that_files_do_not_suffice_for_are_left_out_and_that_is_said(folder):
    flags = (*HERE, "--workers", "3")
    with Serving(folder, *flags, place=lambda *c: [*allowed(300), *c]) as server:
        said = server.lines[0]
    assert "so at most 1 of 3 workers, 54 TFTP transfers and 54 HTTP" in said


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_too_few_files_are_one_line(folder, loop):
    line = complaint("serve", folder, *HERE, "--loop", loop, place=allowed(16))
    assert "only 16 files may be open at a time" in line


def test_what_cannot_be_opened_is_one_line(folder):
    code = """if True:
        import errno
        from fastboot import server

        def directory(folder, **more):
            raise OSError(errno.ENFILE, "Too many open files in system")

        server.Directory = directory
        from fastboot.__main__ import main
        main()
    """
    line = complaint("serve", folder, *HERE, command=[sys.executable, "-c", code])
    assert line.startswith("fastboot: cannot open what serving needs: ")
    assert line.endswith("Too many open files in system")


INTERRUPTED = """if True:
    import sys

    class Interrupted:
        def find_spec(self, name, path=None, target=None):
            if name == "fastboot.server":
                raise KeyboardInterrupt

    sys.meta_path.insert(0, Interrupted())
    from fastboot.__main__ import main
    main()
"""


def test_ctrl_c_while_it_is_loaded_is_quiet():
    done = run(command=[sys.executable, "-c", INTERRUPTED])
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_before_anything_is_served_says_so_by_its_code(folder):
    code = """if True:
        from fastboot import cli
        from fastboot.commands import serve

        def interrupted(*given, **named):
            raise KeyboardInterrupt

        serve.Server = interrupted
        cli.main()
    """
    done = run("serve", folder, *HERE, command=[sys.executable, "-c", code])
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_under_nohup_a_terminal_that_is_closed_ends_nothing(folder):
    def nohup():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    server = Mute(folder, stdout=subprocess.DEVNULL, preexec_fn=nohup)
    assert server.get("file") == b"content"
    server.process.send_signal(signal.SIGHUP)
    assert server.get("file") == b"content"
    assert server.end() == (0, "")
