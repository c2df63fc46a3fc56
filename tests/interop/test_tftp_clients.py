"""Real TFTP clients fetch files bit for bit, over every option that they offer."""

from __future__ import annotations

import pytest

from interop.conftest import running_client
from interop.files import BIG, LINES, SIZES, TEXT
from serving import Serving

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CURL = "curl --silent --show-error --output {target} "
CURL_URL = " tftp://127.0.0.1:{tftp}/{name}"
HPA_GET = " 127.0.0.1 {tftp} -c get {name} {target}"
ATFTP = "atftp --get --remote-file {name} --local-file {target} "
ATFTP_HOST = " 127.0.0.1 {tftp}"
BUSYBOX = "busybox tftp -g -r {name} -l {target} "

OCTET = {
    # curl asks for tsize, blksize and timeout, unless told not to. It takes a tsize of
    # 0 for an error: an empty file arrives because we leave that answer out.
    "curl": CURL + CURL_URL,
    "curl-no-options": CURL + "--tftp-no-options" + CURL_URL,
    "curl-blksize-8": CURL + "--tftp-blksize 8" + CURL_URL,
    "curl-blksize-1468": CURL + "--tftp-blksize 1468" + CURL_URL,
    "curl-blksize-65464": CURL + "--tftp-blksize 65464" + CURL_URL,
    "curl-timeout": CURL + "--connect-timeout 9" + CURL_URL,
    # tftp-hpa's client has no options of the protocol, only modes.
    "tftp-hpa": "tftp -m octet" + HPA_GET,
    "tftp-hpa-binary": "tftp -4 -m binary" + HPA_GET,
    "atftp": ATFTP + ATFTP_HOST,
    "atftp-tsize": ATFTP + "--option tsize" + ATFTP_HOST,
    "atftp-timeout": ATFTP + "--option 'timeout 3'" + ATFTP_HOST,
    "atftp-blksize-8": ATFTP + "--option 'blksize 8'" + ATFTP_HOST,
    "atftp-blksize-1428": ATFTP + "--option 'blksize 1428'" + ATFTP_HOST,
    "atftp-blksize-65464": ATFTP + "--option 'blksize 65464'" + ATFTP_HOST,
    "atftp-windowsize-1": ATFTP + "--option 'windowsize 1'" + ATFTP_HOST,
    "atftp-windowsize-8": ATFTP + "--option 'windowsize 8'" + ATFTP_HOST,
    "atftp-windowsize-65535": ATFTP + "--option 'windowsize 65535'" + ATFTP_HOST,
    "atftp-all-options": (
        ATFTP + "--option tsize --option 'timeout 2' --option 'blksize 512'"
        " --option 'windowsize 8'" + ATFTP_HOST
    ),
    "atftp-prevent-sas": ATFTP + "--prevent-sas" + ATFTP_HOST,
    # An option that we do not know is left out of our answer, and that is all.
    "atftp-multicast": ATFTP + "--option multicast" + ATFTP_HOST,
    "busybox": BUSYBOX + ATFTP_HOST,
    # Its request must fit into a block too, which 24, its lower limit, is too small for.
    "busybox-blksize-64": BUSYBOX + "-b 64" + ATFTP_HOST,
    "busybox-blksize-1428": BUSYBOX + "-b 1428" + ATFTP_HOST,
    "busybox-blksize-65464": BUSYBOX + "-b 65464" + ATFTP_HOST,
}
"""Command lines that fetch {name} as it is."""

LONG = (
    "curl",
    "curl-blksize-1468",
    "tftp-hpa",
    "atftp-windowsize-8",
    "atftp-blksize-1428",
    "atftp-all-options",
    "busybox-blksize-1428",
    "busybox-blksize-65464",
)
"""Those that fetch the big file: four over blocks of 512, whose numbers wrap."""

CONVERTED = {
    "tftp-hpa": "tftp -m netascii" + HPA_GET,
    "tftp-hpa-ascii": "tftp -m ascii" + HPA_GET,
    "atftp": ATFTP + "--option 'mode netascii'" + ATFTP_HOST,
}
"""Command lines that fetch {name} as text and turn it into local text."""

AS_SENT = {
    "curl-ascii": CURL + "--use-ascii" + CURL_URL,
    "curl-mode": CURL + CURL_URL + ";mode=netascii",
    "curl-blksize-8": CURL + "--use-ascii --tftp-blksize 8" + CURL_URL,
}
"""Command lines that fetch {name} as text and store it as it comes: curl's way."""

MISSING = {
    "curl": (CURL + CURL_URL, 68, "curl: (68)"),
    "tftp-hpa": ("tftp -m octet" + HPA_GET, 0, "Error code 1: "),
    "atftp": (ATFTP + ATFTP_HOST, 255, "tftp: error received from server"),
    "busybox": (BUSYBOX + ATFTP_HOST, 1, "server error: (1) "),
}
"""What each says of error 1 (RFC 1350, section 5); tftp-hpa's client exits with 0."""


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("line", OCTET.values(), ids=OCTET)
def test_a_file_arrives_bit_for_bit(client, files, target, line, name):
    result = client(line, name=name)
    assert result.returncode == 0, result
    assert target.read_bytes() == (files / name).read_bytes()


@pytest.mark.parametrize("server", ["uvloop"], indirect=True)
@pytest.mark.parametrize("which", LONG)
def test_40_megabytes_arrive_bit_for_bit(client, files, target, which):
    result = client(OCTET[which], name=BIG)
    assert result.returncode == 0, result
    assert target.read_bytes() == (files / BIG).read_bytes()


@pytest.mark.parametrize("line", CONVERTED.values(), ids=CONVERTED)
def test_a_text_is_the_same_text_after_netascii(client, target, line):
    result = client(line, name=TEXT)
    assert result.returncode == 0, result
    assert target.read_bytes() == LINES.encode()


@pytest.mark.parametrize("line", AS_SENT.values(), ids=AS_SENT)
def test_curl_stores_netascii_as_it_is_on_the_wire(client, target, line):
    result = client(line, name=TEXT)
    assert result.returncode == 0, result
    # RFC 764: the end of a line is CR LF, a carriage return alone is CR NUL.
    on_the_wire = LINES.replace("\r", "\r\0").replace("\n", "\r\n")
    assert target.read_bytes() == on_the_wire.encode()


@pytest.mark.parametrize("name", ["TEXT", "//text", "%5Ctext", "%5C%5CText", "text%FF"])
def test_a_name_is_read_as_strange_clients_mean_it(client, target, name):
    # Upper case, doubled slashes, backslashes, and what follows option 67's end.
    result = client(CURL + CURL_URL, name=name)
    assert result.returncode == 0, result
    assert target.read_bytes() == LINES.encode()


@pytest.mark.parametrize(("line", "code", "words"), MISSING.values(), ids=MISSING)
def test_a_missing_file_is_reported_as_missing(client, server, line, code, words):
    result = client(line, name="missing")
    assert (result.returncode, words in result.stdout + result.stderr) == (code, True)
    server.wait_for({"event": "RequestRefused", "protocol": "tftp", "name": "missing"})


PORTS = ("single", "each", "40000-49999")


@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("line", ["curl", "tftp-hpa", "atftp-windowsize-8", "busybox"])
def test_a_file_arrives_from_the_ports_that_were_chosen(files, tmp_path, line, ports):
    flags = "--address 127.0.0.1 --tftp-port 0 --http-port 0 --dhcp off --tftp-ports"
    with Serving(files, *flags.split(), ports) as server:
        client = running_client(server, tmp_path)
        for name in SIZES:
            result = client(OCTET[line], name=name)
            assert result.returncode == 0, result
            sent = (files / name).read_bytes()
            assert (tmp_path / "target").read_bytes() == sent
