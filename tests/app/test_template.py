"""Names with parameters: what a name means, and what could not be told apart."""

import string
from pathlib import PurePosixPath
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot import Mac
from fastboot.app.template import Template

HOST = UUID("12345678-1234-5678-1234-56789abcdef0")


def takes(kind):
    """A function with one parameter, `x`, of a type."""

    def function(request, x): ...

    function.__annotations__["x"] = kind
    return function


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "any text", "any text"),
        (str, "a.b", "a.b"),
        (int, "007", 7),
        (Mac, "52-54-00-12-34-AB", Mac("52:54:00:12:34:ab")),
        (Mac, "5254001234ab", Mac("52:54:00:12:34:ab")),
        (UUID, str(HOST).upper(), HOST),
        (PurePosixPath, "a/b/c", PurePosixPath("a/b/c")),
    ],
)
def test_a_parameter_is_read_as_it_is_declared(kind, text, value):
    found = Template("hosts/{x}", takes(kind)).match(f"hosts/{text}")
    assert found == {"x": value}
    assert type(found["x"]) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (str, ""),
        (str, "a/b"),
        (int, "-1"),
        (int, "1" * 19),  # more digits than any number that is meant
        (int, "\u0663"),  # a digit, but none of ours
        (Mac, "52-54:00:12:34:56"),
        (Mac, "52:54:00"),
        (UUID, HOST.hex),
        (PurePosixPath, ""),
    ],
)
def test_a_wrong_value_is_another_name(kind, text):
    assert Template("hosts/{x}", takes(kind)).match(f"hosts/{text}") is None


def test_a_name_is_matched_to_its_end():
    template = Template("/ipxe/{x}.ipxe", takes(str))
    assert template.match("ipxe/a.ipxe") == {"x": "a"}
    assert template.match("ipxe/a.ipxe.bak") is None
    assert template.match("ipxe/a+ipxe") is None  # a dot means a dot


def test_several_parameters_stand_in_one_name():
    def function(request, mac: Mac, number: int, rest: PurePosixPath): ...

    template = Template("{mac}-{number}/{rest}", function)
    assert template.match("525400123456-7/a/b") == {
        "mac": Mac("525400123456"),
        "number": 7,
        "rest": PurePosixPath("a/b"),
    }


@pytest.mark.parametrize(
    ("text", "function", "words"),
    [
        ("{y}", takes(str), "must take a request and y"),
        ("plain", takes(str), "must take a request and nothing else"),
        ("{x}{x}", takes(str), "must take"),
        ("{x}", takes(bytes), "can be one of str, int, Mac, UUID"),
        ("{x}", takes("Nowhere"), "annotated with what is not there"),
    ],
)
def test_a_function_that_does_not_fit_is_refused_when_it_is_declared(
    text, function, words
):
    with pytest.raises(TypeError, match=words):
        Template(text, function)


@pytest.mark.parametrize("text", ["", "/", "{x", "x}", "{1}", "{x}}"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises((ValueError, TypeError)):
        Template(text, lambda request, **more: None)


@pytest.mark.parametrize("text", ["{a}{b}", "{a}-{b}", "{a}.{rest}", "{rest}/{a}"])
def test_what_could_be_read_in_two_ways_is_refused(text):
    def function(request, a: str, b: str = "", rest: PurePosixPath = ""): ...

    with pytest.raises(ValueError, match=r"two parameters|at its end"):
        Template(text, function)


@given(st.text(string.printable, max_size=60))
def test_any_name_matches_or_does_not_and_never_raises(name):
    for kind in (str, int, Mac, UUID, PurePosixPath):
        Template("{x}.ipxe", takes(kind)).match(name)


def test_a_hostile_name_is_read_in_one_go():
    """In squares of its length it would take hours."""

    def function(request, a: str, b: str, rest: PurePosixPath): ...

    template = Template("x-{a}-y/{b}-z/{rest}.end", function)
    name = "x-" + "-y" * 50_000 + "/" + "-z" * 50_000 + "/.end" * 50_000
    assert template.match(name) is not None
    assert template.match(name + "-y") is None


@pytest.mark.parametrize("text", ["", "52:54:00:12:34", "52:54:00:12:34:5g", "x" * 12])
def test_what_is_no_mac_is_refused(text):
    with pytest.raises(ValueError, match="no hardware address"):
        Mac(text)


def test_a_mac_is_equal_to_the_text_that_events_have():
    mac = Mac("52-54-00-AB-CD-EF")
    assert mac == "52:54:00:ab:cd:ef"
    assert mac.packed == bytes.fromhex("525400abcdef")
    assert repr(mac) == "Mac('52:54:00:ab:cd:ef')"
