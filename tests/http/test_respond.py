"""The answer to a request, byte for byte."""

from __future__ import annotations

import email.parser
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastboot.http.message import RequestHead
from fastboot.http.ranges import Span
from fastboot.http.respond import CONTENT_TYPES, REASONS, content_type, refuse, respond
from fastboot.tree import Blob

NOW = 1_800_000_000.5
DATE = b"Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n"
CONTENT = bytes(range(256)) * 4
BLOB = Blob(size=1024, etag='"abc"', mtime_ns=1_700_000_000 * 10**9, data=CONTENT)


def ask(path="/boot/BOOTX64.EFI", method="GET", minor=1, **fields):
    """A request's head; `if_match` is If-Match."""
    pairs = [(name.replace("_", "-").encode(), of) for name, of in fields.items()]
    return RequestHead(method, path.encode(), minor, tuple(pairs), path)


def answer(blob=BLOB, **request):
    return respond(ask(**request), blob, NOW)


def body(response):
    """The bytes of a response's body, read from the blob."""
    return b"".join(
        BLOB.read(part.offset, part.length) if isinstance(part, Span) else part
        for part in response.body
    )


def fields(response):
    """The fields of a response's head."""
    _, _, rest = response.head.partition(b"\r\n")
    return email.parser.BytesParser().parsebytes(rest)


def test_the_head_has_the_order_and_spelling_that_boot_clients_read():
    response = answer()
    assert response.head == (
        b"HTTP/1.1 200 OK\r\n"
        + DATE
        + b"Server: fastboot\r\n"
        + b"Content-Type: application/efi\r\n"
        + b"Content-Length: 1024\r\n"
        + b"Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
        + b'ETag: "abc"\r\n'
        + b"Accept-Ranges: bytes\r\n"
        + b"Connection: keep-alive\r\n"
        + b"\r\n"
    )
    assert response.body == (Span(0, 1024),)


def every_answer():
    long = "/" + "a" * 4000 + ".efi"
    yield answer()
    yield answer(path=long)
    yield answer(path=long, range=b"bytes=0-0")
    yield answer(range=b"bytes=0-0,500-500")
    yield answer(range=b"bytes=2000-")
    yield answer(if_match=b'"x"')
    yield answer(if_none_match=b'"abc"')
    yield answer(blob=Blob(size=10**15, etag='"' + "e" * 100 + '"', mtime_ns=2**62))
    for status in REASONS:
        if status >= 400:
            yield refuse(status, NOW)


@pytest.mark.parametrize("response", list(every_answer()))
def test_no_head_has_what_a_boot_client_stumbles_over(response):
    assert len(response.head) < 1024  # U-Boot's buffer is 2048
    line, *lines = response.head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert re.fullmatch(rb"HTTP/1\.1 [2-5][0-9]{2} [A-Z][A-Za-z -]+", line)
    for field in lines:  # Title-Case, one space, a value, no blank at its end
        assert re.fullmatch(rb"(ETag|[A-Z][a-z]+(-[A-Z][a-z]+)*): \S(.*\S)?", field)
    names = [field.split(b":")[0] for field in lines]
    assert len(names) == len(set(names))
    assert not {b"Location", b"Transfer-Encoding", b"Content-Encoding"} & set(names)
    assert not 300 <= response.status < 304


def test_the_body_is_as_long_as_the_head_says():
    for response in every_answer():
        if response.status in (200, 206, 404, 416) and response.body:
            said = int(fields(response)["Content-Length"])
            assert said == sum(
                part.length if isinstance(part, Span) else len(part)
                for part in response.body
            )


def test_head_tells_the_length_and_sends_nothing():
    response = answer(method="HEAD", range=b"bytes=0-9")  # Range is for GET alone
    assert (response.head, response.body) == (answer().head, ())


def test_http_1_0_is_answered_in_1_1_and_closed():
    """GRUB looks for just "HTTP/1.1 "; RFC 9112, section 2.3, allows it."""
    response = answer(minor=0, connection=b"keep-alive")
    assert response.head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.head.endswith(b"Connection: close\r\n\r\n")
    assert response.close


def test_who_asks_to_close_is_closed():
    assert answer(connection=b"close").close
    assert not answer().close
    assert respond(ask(), BLOB, NOW, close=True).close


def test_an_empty_file_has_a_length_and_no_body():
    response = answer(blob=Blob(size=0, etag='"e"'), range=b"bytes=0-")
    assert (response.status, response.body) == (200, ())
    assert fields(response)["Content-Length"] == "0"


def test_content_without_a_time_has_no_last_modified():
    assert "Last-Modified" not in fields(answer(blob=Blob(size=5, etag='"e"')))


@pytest.mark.parametrize(
    ("mtime", "text"),
    [
        (2e9, "Fri, 15 Jan 2027 08:00:00 GMT"),  # tomorrow is not before Date
        (-5.0, "Thu, 01 Jan 1970 00:00:00 GMT"),
    ],
)
def test_last_modified_is_never_in_the_future(mtime, text):
    """RFC 9110, section 8.8.2.1."""
    blob = Blob(size=5, etag='"e"', mtime_ns=int(mtime * 10**9))
    assert fields(answer(blob=blob))["Last-Modified"] == text


def test_content_may_name_its_own_type_and_further_fields():
    blob = Blob.from_bytes(b"{}", kind="application/json", fields=(("Vary", "Accept"),))
    about = fields(answer(path="/debian", blob=blob))
    assert (about["Content-Type"], about["Vary"]) == ("application/json", "Accept")
    same = answer(path="/debian", blob=blob, if_none_match=blob.etag.encode())
    assert (same.status, fields(same)["Vary"]) == (304, "Accept")


# Parts


def test_one_range_is_answered_with_that_part():
    response = answer(range=b"bytes=10-19")
    assert response.status == 206
    assert fields(response)["Content-Range"] == "bytes 10-19/1024"
    assert fields(response)["Content-Length"] == "10"
    assert fields(response)["Content-Type"] == "application/efi"
    assert fields(response)["ETag"] == '"abc"'
    assert body(response) == CONTENT[10:20]


def test_several_ranges_are_answered_as_multipart():
    response = answer(range=b"bytes=900-909,0-9")
    about = fields(response)
    assert response.status == 206
    assert "Content-Range" not in about  # RFC 9110, section 15.3.7.2
    content = b"Content-Type: " + about["Content-Type"].encode()
    message = email.parser.BytesParser().parsebytes(
        content + b"\r\n\r\n" + body(response)
    )
    assert message.get_content_type() == "multipart/byteranges"
    parts = [
        (part["Content-Range"], part["Content-Type"], part.get_payload(decode=True))
        for part in message.get_payload()
    ]
    assert parts == [
        ("bytes 900-909/1024", "application/efi", CONTENT[900:910]),
        ("bytes 0-9/1024", "application/efi", CONTENT[0:10]),
    ]
    assert int(about["Content-Length"]) == len(body(response))


@given(st.lists(st.integers(0, 1023), min_size=1, max_size=17))
@example([at * 90 for at in range(11)])  # so many heads are longer than the file
def test_H3_no_answer_is_longer_than_the_file(positions):
    value = ",".join(f"{at}-{at}" for at in positions)
    response = answer(range=f"bytes={value}".encode())
    assert response.status in (200, 206)
    assert len(body(response)) == int(fields(response)["Content-Length"]) <= 1024


def test_several_ranges_that_become_one_are_no_multipart():
    response = answer(range=b"bytes=0-9,10-19")
    assert fields(response)["Content-Range"] == "bytes 0-19/1024"
    assert body(response) == CONTENT[:20]


def test_ranges_without_a_byte_are_answered_with_the_size():
    response = answer(range=b"bytes=1024-")
    assert response.status == 416
    assert fields(response)["Content-Range"] == "bytes */1024"
    assert not response.close


def test_F3_a_part_of_a_file_that_was_replaced_is_answered_with_the_whole():
    response = answer(range=b"bytes=10-", if_range=b'"old"')
    assert (response.status, response.body) == (200, (Span(0, 1024),))


# Conditions


def test_what_the_client_has_already_is_not_sent():
    response = answer(if_none_match=b'"abc"')
    assert (response.status, response.body) == (304, ())
    assert fields(response)["ETag"] == '"abc"'
    assert "Content-Length" not in fields(response)


@pytest.mark.parametrize(("method", "text"), [("GET", b"412 Preco"), ("HEAD", b"")])
def test_a_condition_that_fails_is_answered_412(method, text):
    response = answer(method=method, if_match=b'"x"')
    assert response.status == 412
    assert body(response)[:9] == text


# Refusals


def test_a_refusal_says_so_in_plain_text():
    response = refuse(404, NOW, close=False)
    assert response.head == (
        b"HTTP/1.1 404 Not Found\r\n"
        + DATE
        + b"Server: fastboot\r\n"
        + b"Content-Type: text/plain\r\n"
        + b"Content-Length: 14\r\n"
        + b"Connection: keep-alive\r\n"
        + b"\r\n"
    )
    assert response.body == (b"404 Not Found\n",)


def test_a_refused_method_is_told_which_are_allowed():
    assert fields(refuse(405, NOW))["Allow"] == "GET, HEAD"


# Media types


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/EFI/BOOT/BOOTX64.EFI", "application/efi"),
        ("/a.iso", "application/vnd.efi-iso"),
        ("/a.img", "application/vnd.efi-img"),
        ("/boot.ipxe", "text/plain"),
        ("/linux/cmdline", "text/plain"),
        ("/grub/grub.cfg", "text/plain"),
        ("/a.json", "application/json"),
        ("/vmlinuz-6.1.0-18-amd64", "application/octet-stream"),
        ("/initrd.xz", "application/octet-stream"),
        ("/.efi", "application/octet-stream"),
        ("/a.efi/", "application/octet-stream"),
        ("/\udcff.iso", "application/vnd.efi-iso"),
        ("/", "application/octet-stream"),
    ],
)
def test_the_media_type_is_that_of_the_name(path, kind):
    assert content_type(path) == kind


def test_no_media_type_has_parameters():
    """UEFI compares the whole value."""
    assert not any(";" in kind for kind in CONTENT_TYPES.values())
