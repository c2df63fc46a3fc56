"""Real HTTP clients: curl in all its moods, both kinds of wget, and aria2."""

from __future__ import annotations

import os
from urllib.parse import quote

import pytest

from interop.files import BIG, BIG_SIZE, PROGRAM, SIZES

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CURL = "curl --silent --show-error --write-out %{{http_code}} "
"""Prints the status; what it fetches goes to {target}, unless told otherwise."""

TO_TARGET = CURL + "--output {target} "

BUSYBOX = "busybox wget -q -O {target} "

WGET = "wget --no-verbose --tries=1 --output-document={target} "

ARIA2 = (
    "aria2c --quiet --no-conf --allow-overwrite=true --file-allocation=none "
    "--dir={target.parent} --out={target.name} "
)


@pytest.fixture
def big(files):
    """The content of the big file."""
    return (files / BIG).read_bytes()


@pytest.mark.parametrize("name", [*SIZES, BIG])
@pytest.mark.parametrize(
    "line",
    [
        TO_TARGET + "{web}/{name}",
        TO_TARGET + "--http1.0 {web}/{name}",
        TO_TARGET + "--compressed {web}/{name}",  # we send what is in the file
        BUSYBOX + "{web}/{name}",
        WGET + "{web}/{name}",
        WGET + "--no-http-keep-alive {web}/{name}",
        ARIA2 + "{web}/{name}",
    ],
    ids=[
        *("curl", "curl-http1.0", "curl-compressed", "busybox"),
        *("wget", "wget-close", "aria2"),
    ],
)
def test_a_file_arrives_bit_for_bit(client, files, target, line, name):
    result = client(line, name=name)
    assert result.returncode == 0, result
    assert target.read_bytes() == (files / name).read_bytes()


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("0-0", slice(0, 1)),
        ("500-1499", slice(500, 1500)),
        ("39999999-", slice(39_999_999, None)),
        ("-100", slice(-100, None)),
        ("39999990-50000000", slice(39_999_990, None)),
    ],
)
def test_curl_gets_a_range(client, target, big, wanted, part):
    result = client(TO_TARGET + "--range {wanted} {web}/big", wanted=wanted)
    assert result.stdout == "206"
    assert target.read_bytes() == big[part]


def test_curl_gets_two_ranges_in_one_answer(client, target, big):
    result = client(TO_TARGET + "--dump-header head --range 0-9,-7 {web}/big")
    assert result.stdout == "206"
    fields = (target.parent / "head").read_text().lower()
    boundary = fields.partition("multipart/byteranges; boundary=")[2].split()[0]
    before, first, second, end = target.read_bytes().split(f"--{boundary}".encode())
    assert before.strip() == b""
    assert f"content-range: bytes 0-9/{BIG_SIZE}".encode() in first.lower()
    assert first.endswith(b"\r\n\r\n" + big[:10] + b"\r\n")
    assert f"bytes {BIG_SIZE - 7}-{BIG_SIZE - 1}/{BIG_SIZE}".encode() in second.lower()
    assert second.endswith(b"\r\n\r\n" + big[-7:] + b"\r\n")
    assert end.strip() == b"--"


def test_curl_is_told_that_a_range_is_beyond_the_end(client):
    result = client(CURL + "--fail --range 600- {web}/513")
    assert (result.returncode, result.stdout) == (22, "416")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_curl_sees_the_size_with_head(client, version):
    result = client(CURL + "--http{version} --head {web}/big", version=version)
    assert result.stdout.endswith("200")
    assert f"Content-Length: {BIG_SIZE}\n" in result.stdout


def test_curl_sees_the_type_that_firmware_looks_for(client):
    line = "curl --silent --head --write-out =%{{content_type}}= {web}/{name}"
    assert client(line, name=quote(PROGRAM)).stdout.endswith("=application/efi=")


@pytest.mark.parametrize("have", [1, 100, 20_000_000, BIG_SIZE - 1])
def test_curl_resumes_a_download(client, target, big, have):
    target.write_bytes(big[:have])
    result = client(TO_TARGET + "--continue-at - {web}/big")
    assert (result.returncode, result.stdout) == (0, "206")
    assert target.read_bytes() == big


def test_curl_adds_nothing_to_a_download_that_is_complete(client, target, files):
    content = (files / "513").read_bytes()
    target.write_bytes(content)
    result = client(TO_TARGET + "--continue-at - {web}/513")
    assert (result.returncode, result.stdout) == (0, "416")
    assert target.read_bytes() == content


def test_curl_does_not_fetch_again_what_its_etag_shows_unchanged(client, target):
    assert client(TO_TARGET + "--etag-save tag {web}/513").stdout == "200"
    target.unlink()
    assert client(TO_TARGET + "--etag-compare tag {web}/513").stdout == "304"
    assert not target.exists()


def test_curl_fetches_what_another_etag_names(client, target):
    (target.parent / "tag").write_text('"another"\n')
    assert client(TO_TARGET + "--etag-compare tag {web}/513").stdout == "200"
    assert target.stat().st_size == 513


def test_curl_does_not_fetch_again_what_is_as_old_as_its_copy(client, target, files):
    assert client(TO_TARGET + "--remote-time {web}/513").stdout == "200"
    assert int(target.stat().st_mtime) == int((files / "513").stat().st_mtime)
    copy = target.rename(target.with_name("copy"))
    assert client(TO_TARGET + "--time-cond copy {web}/513").stdout == "304"
    assert not target.exists()
    os.utime(copy, (0, 0))
    assert client(TO_TARGET + "--time-cond copy {web}/513").stdout == "200"


def test_curl_gets_the_whole_file_where_a_range_is_of_another_version(client, target):
    condition = "--range 0-9 --header 'If-Range: \"another\"' "
    assert client(TO_TARGET + condition + "{web}/513").stdout == "200"
    assert target.stat().st_size == 513


def test_curl_is_refused_where_the_file_is_another_version(client):
    result = client(TO_TARGET + "--header 'If-Match: \"another\"' {web}/513")
    assert result.stdout == "412"


def test_curl_makes_50_requests_on_one_connection(client, files, target):
    urls = "{web}/513?[1-50]"
    line = "curl --silent --write-out '%{{http_code}} %{{num_connects}},' "
    result = client(line + "--output part#1 " + urls)
    assert result.stdout == "200 1," + 49 * "200 0,"
    content = (files / "513").read_bytes()
    parts = [(target.parent / f"part{n}").read_bytes() for n in range(1, 51)]
    assert parts == [content] * 50


def test_curl_keeps_its_connection_over_every_kind_of_answer(client):
    requests = (
        "{web}/513",
        "--head {web}/513",
        "{web}/missing",
        "--range 1-2 {web}/513",
        "--range 600- {web}/513",
        "--header 'If-None-Match: *' {web}/513",
        "{web}/0",
        "{web}/513",
    )
    one = "--silent --output {target} --write-out '%{{http_code}} %{{num_connects}},' "
    result = client("curl " + " --next ".join(one + request for request in requests))
    assert result.stdout == "200 1,200 0,404 0,206 0,416 0,304 0,200 0,200 0,"


def test_curl_makes_50_requests_at_once(client, files, target):
    result = client(
        "curl --silent --parallel --parallel-immediate --parallel-max 50 "
        "--write-out '%{{http_code}},' --output part#1 {web}/513?[1-50]"
    )
    assert result.stdout == 50 * "200,"
    content = (files / "513").read_bytes()
    parts = [(target.parent / f"part{n}").read_bytes() for n in range(1, 51)]
    assert parts == [content] * 50


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("{web}/missing", "404"),
        ("--path-as-is {web}/../../../etc/passwd", "403"),
        ("--data a=b {web}/513", "405"),
        ("--upload-file head {web}/new", "405"),
    ],
    ids=["missing", "outside", "post", "put"],
)
def test_curl_is_refused_what_is_not_to_be_had(client, target, request_, status):
    (target.parent / "head").write_text("content")
    assert client(TO_TARGET + request_).stdout == status


def test_busybox_wget_resumes_a_download(client, target, big):
    target.write_bytes(big[:20_000_000])
    assert client(BUSYBOX + "-c {web}/big").returncode == 0
    assert target.read_bytes() == big


def test_busybox_wget_asks_whether_a_file_is_there(client):
    assert client("busybox wget -q --spider {web}/513").returncode == 0
    assert client("busybox wget -q --spider {web}/missing").returncode == 1


def test_wget_resumes_a_download(client, target, big):
    copy = target.parent / BIG
    copy.write_bytes(big[:20_000_000])
    result = client("wget --progress=dot:giga --continue {web}/big")
    assert result.returncode == 0
    assert "206 Partial Content" in result.stderr
    assert copy.read_bytes() == big


def test_wget_does_not_fetch_again_what_is_as_old_as_its_copy(client, target, files):
    again = "wget --no-verbose --timestamping {web}/513"
    assert client(again).returncode == 0
    copy = target.parent / "513"
    assert copy.read_bytes() == (files / "513").read_bytes()
    copy.chmod(0o400)
    result = client(again)
    assert result.returncode == 0
    assert "URL:" not in result.stderr  # 304: it fetched nothing
    os.utime(copy, (0, 0))
    assert "URL:" in client(again).stderr


def test_wget_asks_whether_files_are_there_on_one_connection(client):
    result = client("wget --spider {web}/513 {web}/missing {web}/1")
    assert result.returncode == 8  # "Server issued an error response"
    assert result.stderr.count("Reusing existing connection") == 2


def test_aria2_fetches_with_16_connections_at_once(client, target, big):
    many = "--max-connection-per-server=16 --split=16 --min-split-size=1M "
    assert client(ARIA2 + many + "{web}/big").returncode == 0
    assert target.read_bytes() == big


def test_aria2_goes_on_with_a_download_that_was_cut_off(client, target, big):
    target.write_bytes(big[:20_000_000])
    line = ARIA2.replace("--allow-overwrite=true", "--continue=true")
    assert client(line + "{web}/big").returncode == 0
    assert target.read_bytes() == big
