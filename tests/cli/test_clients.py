"""`fastboot clients` and `fastboot trace` as programs, beside a running server."""

import json
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

import download
from command import FREE, complaint, run
from peers import need
from serving import Serving


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A server from which a machine got a file and was refused another."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "ipxe.efi").write_bytes(b"x" * 5000)
    with Serving(folder, *FREE, "--dhcp", "off") as server:
        port = server.port("tftp")
        download.tftp(port, "ipxe.efi")
        server.wait_for({"event": "Finished", "name": "ipxe.efi"})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"\0\1[red]none\0octet\0", ("127.0.0.1", port))
            server.wait_for({"event": "RequestRefused"})
        yield f"http://127.0.0.1:{server.port('http')}"


def test_the_machines_are_a_table(seen):
    done = run("clients", "--server", seen)
    assert (done.returncode, done.stderr) == (0, "")
    head, row, *_ = [line.split() for line in done.stdout.splitlines()]
    assert head == ["machine", "address", "kind", "state", "stage", "last"]
    assert row[:2] == ["127.0.0.1", "127.0.0.1"]


def test_one_machine_is_told_step_by_step(seen):
    done = run("clients", "127.0.0.1", "--server", seen)
    assert (done.returncode, done.stderr) == (0, "")
    assert "got ipxe.efi by TFTP (5.0 kB" in done.stdout
    assert "was refused [red]none by TFTP: no such file" in done.stdout


def test_they_are_json_for_programs(seen):
    listed = json.loads(run("clients", "--json", "--server", seen).stdout)
    assert listed["machines"][0]["machine"] == "127.0.0.1"
    one = json.loads(run("clients", "127.0.0.1", "--json", "--server", seen).stdout)
    assert [step["kind"] for step in one["steps"]] == ["got", "refused"]


@pytest.mark.interop
def test_a_trace_is_what_tshark_reads_as_tftp(seen, tmp_path):
    file = tmp_path / "boot.pcap"
    done = run("trace", "127.0.0.1", file, "--server", seen)
    assert done.returncode == 0, done
    assert str(file) in done.stdout
    shown = subprocess.run(
        [
            *(need("tshark"), "-r", str(file), "-T", "fields", "-E", "separator=|"),
            *("-d", "udp.port==1-65535,tftp", "-e", "tftp.opcode"),
            *("-e", "tftp.source_file", "-e", "_ws.malformed"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    rows = [line.split("|") for line in shown.stdout.splitlines()]
    assert [row[0] for row in rows][-2:] == ["1", "5"]  # the request, and ERROR
    assert rows[0][:2] == ["1", "ipxe.efi"]
    assert {row[2] for row in rows} == {""}


def test_a_machine_that_nobody_saw(seen):
    line = complaint("clients", "52:54:00:00:00:07", "--server", seen)
    assert "knows nothing of that" in line


def test_a_file_that_cannot_be_written(seen, tmp_path):
    line = complaint("trace", "127.0.0.1", tmp_path / "no" / "file", "--server", seen)
    assert "cannot write" in line


def test_no_server_is_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        line = complaint("clients", "--server", f"http://127.0.0.1:{port}")
    assert "no server answers" in line
    assert "fastboot serve" in line


@pytest.mark.parametrize("url", ["127.0.0.1", "file:///etc/passwd", "http://"])
def test_a_server_is_named_by_its_url(url):
    assert "it must be such as http://192.0.2.2" in complaint(
        "clients", "--server", url
    )


def test_who_comes_by_a_public_name_is_told_so_in_one_line(seen):
    ask = urllib.request.Request(
        f"{seen}/_fastboot/clients", headers={"Host": "rebound.example.com"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(ask, timeout=10)
    with refused.value as answer:
        assert answer.code == 403
        assert answer.read() == (
            b"403 Forbidden: open this page by the server's IP address, "
            b"not by a public name\n"
        )
