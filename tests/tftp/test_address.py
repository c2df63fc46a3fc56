"""`tftp://host/name` (RFC 3617)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.errors import ConfigError
from fastboot.tftp.address import PORT, Address, parse


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("tftp://host/name", Address("host", PORT, b"name")),
        ("TFTP://host/name", Address("host", PORT, b"name")),
        ("tftp://host:6969/a/b.efi", Address("host", 6969, b"a/b.efi")),
        ("tftp://[::1]/name", Address("::1", PORT, b"name")),
        ("tftp://[fe80::1%eth0]:70/name", Address("fe80::1%eth0", 70, b"name")),
        ("tftp://[fe80::1%25eth0]/name", Address("fe80::1%eth0", PORT, b"name")),
        ("tftp://host//name", Address("host", PORT, b"/name")),
        ("tftp://host/a%20b%ff", Address("host", PORT, b"a b\xff")),
        ("tftp://host/a?b#c", Address("host", PORT, b"a?b#c")),
        ("tftp://host/ü", Address("host", PORT, "ü".encode())),
        ("tftp://host/t;mode=netascii", Address("host", PORT, b"t", netascii=True)),
        ("tftp://host/t;mode=OCTET", Address("host", PORT, b"t")),
    ],
)
def test_a_url_has_a_host_a_port_and_a_name(url, address):
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("host/name", "is no TFTP URL"),
        ("http://host/name", "is no TFTP URL"),
        ("tftp:///name", "names no host"),
        (f"tftp://{'a' * 64}/name", "names no host"),  # no label is so long
        ("tftp://a..b/name", "names no host"),
        ("tftp://a\udcff/name", "names no host"),
        ("tftp://host:/name", "names no host"),
        ("tftp://::1/name", "names no host"),
        ("tftp://[::1/name", "names no host"),
        ("tftp://[::1]x/name", "names no host"),
        ("tftp://host:0/name", "must be 1..65535"),
        ("tftp://host:65536/name", "must be 1..65535"),
        ("tftp://host:+1/name", "which is no number"),
        ("tftp://host:\N{FULLWIDTH DIGIT ONE}/name", "which is no number"),
        ("tftp://user@host/name", "names a user"),
        ("tftp://host", "names no file"),
        ("tftp://host/", "names no file"),
        ("tftp://host/a%00b", "names no file"),
        ("tftp://host/" + "x" * 1001, "names no file"),
        ("tftp://host/t;mode=mail", "has the mode"),
    ],
)
def test_what_is_no_such_url_is_said(url, words):
    with pytest.raises(ConfigError, match=words):
        parse(url)


@given(st.text(max_size=40))
def test_any_text_is_a_url_or_refused(text):
    for url in (text, f"tftp://{text}", f"tftp://host/{text}"):
        try:
            parse(url)
        except ConfigError:
            pass


def test_messages_name_the_file_and_the_server():
    assert parse("tftp://[::1]/a%ff").title == "a\N{REPLACEMENT CHARACTER} at [::1]:69"
