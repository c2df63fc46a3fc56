"""Real TFTP clients send files, which are kept bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from interop.conftest import Run, running_client
from interop.files import BIG, LINES, SIZES, TEXT
from serving import Serving

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CURL = "curl --silent --show-error --upload-file {source} "
CURL_URL = " tftp://127.0.0.1:{tftp}/{name}"
HPA_PUT = " 127.0.0.1 {tftp} -c put {source} {name}"
ATFTP = "atftp --put --local-file {source} --remote-file {name} "
ATFTP_HOST = " 127.0.0.1 {tftp}"
BUSYBOX = "busybox tftp -p -l {source} -r {name} "

OCTET = {
    # curl tells tsize, blksize and timeout, unless told not to.
    "curl": CURL + CURL_URL,
    "curl-no-options": CURL + "--tftp-no-options" + CURL_URL,
    "curl-blksize-8": CURL + "--tftp-blksize 8" + CURL_URL,
    "curl-blksize-1468": CURL + "--tftp-blksize 1468" + CURL_URL,
    "curl-blksize-65464": CURL + "--tftp-blksize 65464" + CURL_URL,
    "tftp-hpa": "tftp -m octet" + HPA_PUT,
    "atftp": ATFTP + ATFTP_HOST,
    "atftp-tsize": ATFTP + "--option tsize" + ATFTP_HOST,
    "atftp-timeout": ATFTP + "--option 'timeout 3'" + ATFTP_HOST,
    "atftp-blksize-8": ATFTP + "--option 'blksize 8'" + ATFTP_HOST,
    "atftp-blksize-1428": ATFTP + "--option 'blksize 1428'" + ATFTP_HOST,
    "atftp-blksize-65464": ATFTP + "--option 'blksize 65464'" + ATFTP_HOST,
    "atftp-windowsize-8": ATFTP + "--option 'windowsize 8'" + ATFTP_HOST,
    "atftp-windowsize-65535": ATFTP + "--option 'windowsize 65535'" + ATFTP_HOST,
    "atftp-all-options": (
        ATFTP + "--option tsize --option 'timeout 2' --option 'blksize 1024'"
        " --option 'windowsize 8'" + ATFTP_HOST
    ),
    "busybox": BUSYBOX + ATFTP_HOST,
    "busybox-blksize-64": BUSYBOX + "-b 64" + ATFTP_HOST,
    "busybox-blksize-1428": BUSYBOX + "-b 1428" + ATFTP_HOST,
    "busybox-blksize-65464": BUSYBOX + "-b 65464" + ATFTP_HOST,
}
"""Command lines that send {source} as {name}."""

LONG = (
    "curl",
    "tftp-hpa",
    "atftp",
    "atftp-windowsize-8",
    "atftp-all-options",
    "busybox",
    "busybox-blksize-1428",
)
"""Those that send the big file: five in blocks of 512, whose numbers wrap."""

CONVERTED = {
    "tftp-hpa": "tftp -m netascii" + HPA_PUT,
    "atftp": ATFTP + "--option 'mode netascii'" + ATFTP_HOST,
}
"""Command lines that send {source} as text."""

TAKEN = {
    "curl": (CURL + CURL_URL, "curl: (7"),
    "tftp-hpa": ("tftp -m octet" + HPA_PUT, "Error code 6: "),
    "atftp": (ATFTP + ATFTP_HOST, "tftp: error received from server"),
    "busybox": (BUSYBOX + ATFTP_HOST, "server error: (6) "),
}
"""What each says of error 6 (RFC 1350, section 5)."""


@pytest.fixture(scope="session")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that takes files."""
    return tmp_path_factory.mktemp("taken")


@pytest.fixture(scope="session")
def server(files: Path, taken: Path) -> Serving:
    """`fastboot serve` as anyone may run it to take files."""
    flags = "--address 127.0.0.1 --tftp-port 0 --http-port 0 --dhcp off"
    with Serving(files, *flags.split(), "--tftp-uploads", str(taken)) as server:
        yield server


@pytest.fixture
def client(server: Serving, tmp_path: Path) -> Run:
    """Runs a client; see the fixture of the same name for reading."""
    return running_client(server, tmp_path)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("which", OCTET)
def test_a_file_is_kept_bit_for_bit(client, files, taken, server, which, name):
    own = f"{list(OCTET).index(which)}-{name}"  # busybox's has to fit into a block
    result = client(OCTET[which], source=files / name, name=own)
    assert result.returncode == 0, result
    assert (taken / own).read_bytes() == (files / name).read_bytes()
    server.wait_for({"event": "Received", "name": own, "size": SIZES[name]})


@pytest.mark.parametrize("which", LONG)
def test_40_megabytes_are_kept_bit_for_bit(client, files, taken, which):
    result = client(OCTET[which], source=files / BIG, name=f"{which}-big")
    assert result.returncode == 0, result
    kept = taken / f"{which}-big"
    assert kept.read_bytes() == (files / BIG).read_bytes()
    kept.unlink()


@pytest.mark.parametrize("which", CONVERTED)
def test_a_text_is_the_same_text_after_netascii(client, files, taken, which):
    result = client(CONVERTED[which], source=files / TEXT, name=f"{which}-text")
    assert result.returncode == 0, result
    assert (taken / f"{which}-text").read_bytes() == LINES.encode()


@pytest.mark.parametrize("which", TAKEN)
def test_a_name_that_is_taken_is_reported_as_taken(client, files, taken, server, which):
    line, words = TAKEN[which]
    (taken / f"{which}-taken").write_bytes(b"old")
    result = client(line, source=files / "513", name=f"{which}-taken")
    assert words in result.stdout + result.stderr, result
    assert (taken / f"{which}-taken").read_bytes() == b"old"
    server.wait_for({"event": "RequestRefused", "name": f"{which}-taken"})


def test_nothing_is_left_over(taken, server):
    assert not [path for path in taken.iterdir() if path.name.startswith(".")]
