"""The programs under examples/ do what they say."""

import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import download

EXAMPLES = Path(__file__).parents[1] / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAMS, reason="the examples are not installed"),
]


@contextmanager
def running(name, *arguments):
    """A program, and the two ports that it prints first."""
    command = [sys.executable, "-W", "error", EXAMPLES / name, *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        ports = [int(word) for word in process.stdout.readline().split()]
        assert len(ports) == 2, process.stderr.read()
        yield process, *ports
    finally:
        process.kill()
        process.communicate()


def stop(process):
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=download.PATIENCE)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "linux").write_bytes(bytes(range(256)) * 100)
    return tmp_path


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_an_example_is_short(path):
    assert len(path.read_text().splitlines()) < 60


def test_a_provisioning_service_has_a_script_for_each_machine(folder):
    hosts = EXAMPLES / "hosts.toml"
    ports = ("--tftp", 0, "--http", 0)
    with running("provisioning.py", hosts, folder, *ports) as (process, tftp, http):
        known = download.http_get(http, "hosts/52-54-00-12-34-56.ipxe")
        assert known == download.tftp(tftp, "hosts/52-54-00-12-34-56.ipxe")
        other = download.http_get(http, "hosts/52-54-00-00-00-00.ipxe")
        assert download.http_get(http, "boot.ipxe").startswith(b"#!ipxe\nchain hosts/")
        assert download.tftp(tftp, "linux") == (folder / "linux").read_bytes()
        out, _ = stop(process)
    assert b"kernel /debian/linux hostname=web1" in known
    assert other == b"#!ipxe\nexit\n"
    assert "name='/boot.ipxe'" in out


def test_a_trio_program_has_a_tftp_server_in_it(folder):
    with running("trio_program.py", folder, 0) as (process, tftp, own):
        for _ in range(3):
            assert download.tftp(tftp, "linux") == (folder / "linux").read_bytes()
        with socket.create_connection(("127.0.0.1", own)) as client:
            assert client.recv(100) == b"linux 3\n"
        _, errors = stop(process)
    assert process.returncode == 0
    assert errors == ""


def test_a_test_rig_sees_a_board_load_its_firmware(folder):
    image = folder / "linux"
    with running("rig.py", image, 60, 0) as (process, tftp, http):
        assert download.tftp(tftp, "firmware.bin") == image.read_bytes()
        assert download.http_get(http, "report/7/ready") == b"thank you\n"
        out, _ = process.communicate(timeout=download.PATIENCE)
    assert process.returncode == 0
    assert f"loaded {image.stat().st_size} bytes" in out
    assert "board 7 says ready" in out


def test_a_test_rig_says_when_no_board_came(folder):
    with running("rig.py", folder / "linux", 0, 0) as (process, *_):
        process.communicate(timeout=download.PATIENCE)
    assert process.returncode == 1
