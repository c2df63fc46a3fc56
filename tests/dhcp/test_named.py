"""Options by name: from a setting's value to bytes."""

import pytest

from fastboot.dhcp.named import NAMED, OWN, encode_named


@pytest.mark.parametrize(
    ("name", "value", "code", "data"),
    [
        ("subnet-mask", "255.255.255.0", 1, b"\xff\xff\xff\0"),
        ("router", "192.0.2.1", 3, b"\xc0\0\2\1"),
        ("router", ["192.0.2.1", "192.0.2.2"], 3, b"\xc0\0\2\1\xc0\0\2\2"),
        ("time-offset", -1, 2, b"\xff\xff\xff\xff"),
        ("domain-name", "example.org", 15, b"example.org"),
        ("interface-mtu", 9000, 26, b"\x23\x28"),
        ("default-ip-ttl", 64, 23, b"\x40"),
        ("path-mtu-plateau-table", [68, 1006], 25, b"\0\x44\x03\xee"),
        ("all-subnets-local", True, 27, b"\1"),
        ("domain-search", ["a.b", "c"], 119, b"\1a\1b\0\1c\0"),
        (
            *(
                "classless-static-route",
                ["0.0.0.0/0 192.0.2.1", "10.1.0.0/16 192.0.2.2"],
            ),
            *(121, b"\0\xc0\0\2\1" + b"\x10\x0a\1\xc0\0\2\2"),
        ),
        ("6", ["192.0.2.5"], 6, b"\xc0\0\2\5"),
        ("224", "text", 224, b"text"),
        ("224", "hex:0a:0b", 224, b"\x0a\x0b"),
        ("vendor-specific", "hex:0601 08ff", 43, b"\6\1\x08\xff"),
    ],
)
def test_a_value_is_written_in_its_options_form(name, value, code, data):
    assert encode_named(name, value) == (code, data)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("routre", "192.0.2.1", "no option called routre; give its number"),
        ("256", "x", "no option called 256"),
        ("1\u0663", "x", "no option called"),
        ("router", "192.0.2", "option router is '192.0.2'; it must be an IPv4 address"),
        ("router", 3221225985, "must be an IPv4 address"),
        ("router", [], "must be IPv4 addresses"),
        ("interface-mtu", 65536, "a whole number between 0 and 65535"),
        ("interface-mtu", True, "a whole number"),
        ("time-offset", 1 << 31, "between -2147483648 and 2147483647"),
        ("path-mtu-plateau-table", [], "must be numbers"),
        ("all-subnets-local", 1, "true or false"),
        ("domain-name", "", "must be a text"),
        ("domain-name", "a\0b", "must be a text"),
        ("domain-search", ["a..b"], "must be a domain name"),
        ("domain-search", ["a" * 64], "must be a domain name"),
        ("domain-search", [], "must be domain names"),
        ("classless-static-route", "10.0.0.1/8 192.0.2.1", "must be routes such as"),
        ("classless-static-route", "10.0.0.0/8", "must be routes such as"),
        ("classless-static-route", [], "must be routes"),
        ("224", "hex:0", "bytes such as"),
        ("53", "hex:02", "option 53 is the server's own"),
        ("0", "x", "the server's own"),
    ],
)
def test_what_cannot_be_written_is_said(name, value, message):
    with pytest.raises(ValueError, match=message):
        encode_named(name, value)


def test_each_option_has_one_name():
    codes = [code for code, _ in NAMED.values()]
    assert len(set(codes)) == len(codes)


def test_no_name_is_for_an_option_of_the_servers_own():
    assert not OWN & {code for code, _ in NAMED.values()}
