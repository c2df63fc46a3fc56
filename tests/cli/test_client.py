"""`fastboot get` and `fastboot put`, as anyone runs them."""

import hashlib
import os
import pty
import random
import signal
import socket
import subprocess

import pytest

from command import COMMAND, complaint, run
from fastboot.tftp.packet import Ack, Data, Error, decode
from serving import Serving

BIG = random.Random(3).randbytes(3_000_000)
SHA256 = hashlib.sha256(BIG).hexdigest()


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The root of what a server has, and of what it takes."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "big").write_bytes(BIG)
    (folder / "text").write_bytes(b"one\ntwo\n")
    (folder / "a name").write_bytes(b"spaces")
    flags = "--address 127.0.0.1 --tftp-port 0 --no-http --dhcp off"
    uploads = ("--tftp-uploads", str(folder))
    with Serving(folder, *flags.split(), *uploads, protocols=("tftp",)) as server:
        yield f"tftp://127.0.0.1:{server.port('tftp')}"


def test_a_file_is_fetched_under_its_name(url, tmp_path):
    done = run("get", f"{url}/big", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("got big: 3.0 MB in ")
    assert done.stderr.endswith("/s), blksize 1428, windowsize 64\n")
    assert (tmp_path / "big").read_bytes() == BIG
    assert os.listdir(tmp_path) == ["big"]


def test_it_goes_where_it_is_told_to(url, tmp_path):
    (tmp_path / "folder").mkdir()
    for output in ("other", "folder"):
        assert run("get", f"{url}/a%20name", "-o", output, cwd=tmp_path).returncode == 0
    assert (tmp_path / "other").read_bytes() == b"spaces"
    assert (tmp_path / "folder" / "a name").read_bytes() == b"spaces"


def test_it_goes_to_standard_output(url):
    done = run("get", f"{url}/text;mode=netascii", "-o", "-", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\ntwo\n", "")


def test_options_are_asked_for(url):
    flags = "--blksize 1024 --windowsize 4 --timeout 2 --rollover 0 -o /dev/null"
    assert (
        "blksize 1024, windowsize 4" in run("get", f"{url}/big", *flags.split()).stderr
    )
    plain = run("get", f"{url}/text", "--no-options", "-o", "/dev/null")
    assert "blksize 512, windowsize 1" in plain.stderr


def test_a_checksum_is_checked(url, tmp_path):
    good = run("get", f"{url}/big", "--check", f"sha256:{SHA256}", cwd=tmp_path)
    assert good.returncode == 0
    wrong = ("get", f"{url}/big", "-o", "other", "--check", "0" * 64)
    assert SHA256 in complaint(*wrong, code=5, cwd=tmp_path)
    assert os.listdir(tmp_path) == ["big"]


@pytest.mark.parametrize("flags", [(), ("--no-options",), ("-o", "-")])
def test_a_file_that_is_larger_than_may_be_is_not_taken(url, tmp_path, flags):
    done = run("get", f"{url}/big", "--max-size", "10kB", *flags, cwd=tmp_path)
    assert done.returncode == 1
    assert "the 10000" in done.stderr
    assert os.listdir(tmp_path) == []
    assert len(done.stdout) < len(BIG)


def test_a_file_of_the_size_that_may_be_is_taken(url, tmp_path):
    most = str(len(BIG))
    assert run("get", f"{url}/big", "--max-size", most, cwd=tmp_path).returncode == 0


def test_a_file_is_sent(url, tmp_path):
    (tmp_path / "file").write_bytes(BIG)
    done = run("put", tmp_path / "file", f"{url}/sent")
    assert done.returncode == 0
    assert done.stderr.startswith(f"sent {tmp_path}/file: 3.0 MB in ")
    assert run("get", f"{url}/sent", "--check", SHA256, cwd=tmp_path).returncode == 0


def test_standard_input_is_sent(url, tmp_path):
    sent = subprocess.run(
        [*COMMAND, "put", "-", f"{url}/piped"], input=b"text", timeout=60, check=False
    )
    assert sent.returncode == 0
    assert run("get", f"{url}/piped", "-o", "-", "-q").stdout == "text"


def test_on_a_terminal_a_bar_shows_how_far_it_is(url):
    ours, theirs = pty.openpty()
    command = [*COMMAND, "get", f"{url}/big", "-o", "/dev/null"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # nobody has the other end any more
    os.close(ours)
    assert process.wait(60) == 0
    assert "━".encode() in shown
    assert b"got big: 3.0 MB in " in shown


def test_where_there_is_no_terminal_there_is_no_bar(url):
    assert "━" not in run("get", f"{url}/big", "-o", "/dev/null").stderr


# Errors


def test_a_file_that_is_not_there_is_said(url, tmp_path):
    line = complaint("get", f"{url}/none", cwd=tmp_path, code=3)
    assert "none at 127.0.0.1:" in line
    assert "no such file (error 1: no such file there; case counts)" in line
    assert os.listdir(tmp_path) == []


def test_a_name_that_is_taken_is_said(url, tmp_path):
    (tmp_path / "file").touch()
    assert "(error 6: " in complaint("put", tmp_path / "file", f"{url}/big", code=3)


def test_a_server_that_is_not_there_is_said():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        silent = f"tftp://127.0.0.1:{port}/x"
        line = complaint("get", silent, "--patience", "0.2", code=4)
        assert "no answer within 0.2 s; is a TFTP server there" in line
    line = complaint("get", f"tftp://127.0.0.1:{port}/x", code=4)
    assert "Connection refused; is a TFTP server there?" in line


def test_a_file_that_cannot_be_written_is_said(url, tmp_path):
    line = complaint("get", f"{url}/big", "-o", "none/big", cwd=tmp_path, code=1)
    assert line == "fastboot: cannot write none/big: No such file or directory"
    assert "No space left" in complaint("get", f"{url}/big", "-o", "/dev/full", code=1)


def test_a_reader_that_leaves_ends_it_in_one_line(url):
    command = f"{' '.join(COMMAND)} get {url}/big -o - | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60)
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("fastboot: big at 127.0.0.1:")
    assert line.endswith("Broken pipe")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_is_interrupted_leaves_nothing(tmp_path, number):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(60)
        url = f"tftp://127.0.0.1:{sock.getsockname()[1]}/x"
        process = subprocess.Popen(
            [*COMMAND, "get", url], cwd=tmp_path, stderr=subprocess.PIPE
        )
        _, peer = sock.recvfrom(2048)
        sock.sendto(Data(1, b"x" * 512).encode(), peer)
        assert decode(sock.recv(2048)) == Ack(1)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        if number == signal.SIGINT:
            assert isinstance(decode(sock.recv(2048)), Error)
            assert (process.returncode, said.strip()) == (130, b"")
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_read_is_said(url, tmp_path):
    line = complaint("put", "none", f"{url}/x", cwd=tmp_path, code=1)
    assert line == "fastboot: cannot read none: No such file or directory"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("get", "host/file"), "is no TFTP URL"),
        (("get", "tftp://host/"), "names no file"),
        (("get", "tftp://host/folder/"), "is no file's name"),
        (("get", "tftp://host/x", "--continue"), "TFTP cannot go on with part"),
        (("get", "tftp://host/x", "--check", "md5:12"), "64 hexadecimal digits"),
        (("get", "tftp://host/x", "--max-size", "many"), "700MB or 4GiB"),
        (("get", "tftp://host/x", "--blksize", "7"), "between 8 and 65464"),
        (("put", "file", "tftp://host/x", "--windowsize", "0"), "between 1 and"),
        (("put", "file"), "Missing argument"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(arguments, words):
    assert words in complaint(*arguments)


@pytest.mark.parametrize("name", ["get", "put"])
def test_help_shows_examples_and_exit_codes(name):
    shown = run(name, "--help").stdout
    assert f"fastboot {name} " in shown
    assert "Exit codes:" in shown
