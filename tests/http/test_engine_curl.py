"""HTTP's engine and curl."""

from __future__ import annotations

import re
import subprocess

import pytest

from peers import need
from web import PATIENCE, content


@pytest.fixture
def curl(serve, folder):
    """Run curl against a folder with /linux (3 MB) and /EFI/a b.efi."""
    program = need("curl")
    root, tree = folder
    (root / "linux").write_bytes(content(3_000_000))
    (root / "EFI").mkdir()
    (root / "EFI" / "a b.efi").write_bytes(b"MZ")
    server = serve(tree)
    base = "http://{}:{}".format(*server.address)

    def run(*arguments, status=0):
        words = [word.replace("@", base) for word in arguments]
        command = [program, "--silent", "--max-time", str(PATIENCE), *words]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.returncode == status, done
        return done.stdout

    with server.polled():
        yield run


@pytest.mark.interop
def test_curl_downloads(curl):
    assert curl("@/linux") == content(3_000_000)
    assert curl("--http1.0", "@/linux") == content(3_000_000)
    assert curl("@/EFI/a%20b.efi") == b"MZ"


@pytest.mark.interop
def test_curl_reads_parts(curl):
    assert curl("--range", "10-19", "@/linux") == content(20)[10:]
    assert curl("--range", "-5", "@/linux") == content(3_000_000)[-5:]
    parts = curl("--range", "0-9,1000-1009", "@/linux")
    assert content(10) in parts
    assert content(1010)[1000:] in parts


@pytest.mark.interop
def test_curl_resumes(curl, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(content(1_000_000))
    curl("--continue-at", "-", "--output", str(part), "@/linux")
    assert part.read_bytes() == content(3_000_000)


@pytest.mark.interop
def test_curl_keeps_its_connection(curl):
    out = curl("--head", "-w", "connects %{num_connects}\n", "@/linux", "@/linux")
    assert re.findall(rb"connects (\d)", out) == [b"1", b"0"]


@pytest.mark.interop
def test_curl_asks_whether_a_file_changed(curl, tmp_path):
    tag = tmp_path / "etag"
    assert curl("--etag-save", str(tag), "@/linux") == content(3_000_000)
    out = curl("--etag-compare", str(tag), "-w", "%{http_code}", "@/linux")
    assert out == b"304"


@pytest.mark.interop
def test_curl_is_refused(curl):
    assert curl("-w", " %{http_code}", "@/none") == b"404 Not Found\n 404"
    assert curl("--path-as-is", "@/../linux") == b"403 Forbidden\n"
    assert curl("--data", "x", "@/linux") == b"405 Method Not Allowed\n"
    assert curl("--fail", "@/none", status=22) == b""
