"""An app as a tree: who answers for a name, who may have it, and what becomes of it."""

import asyncio
import dataclasses
import os
from ipaddress import IPv4Address
from pathlib import Path

import pytest

import fastboot
from fastboot import App, Blob, Client, Mac, Memory, NotFound, Refused, Unavailable
from fastboot.app.seen import SEEN_MAX, Seen
from fastboot.boot.choose import Answer, Missing, Site, choose
from fastboot.events import Dropped, Fault, Leased, Listening
from fastboot.interfaces import Interface, Interfaces
from fastboot.tree import Directory

ME = Client("192.0.2.7", "http", server="192.0.2.2", agent="curl/8")
BY_TFTP = Client("192.0.2.7", "tftp")
MAC = Mac("52:54:00:12:34:56")


def read(tree, name, client=ME):
    """The content of a name, whenever it comes."""
    answer = tree.open(name, client)
    if not isinstance(answer, Blob):

        async def wait():
            return await answer

        answer = asyncio.run(wait())
    try:
        return answer.read(0, answer.size)
    finally:
        answer.close()


@pytest.fixture
def app():
    return App(Memory({"file": b"static", "deep/file": b"deep"}))


def test_a_function_answers_for_its_name_and_the_content_for_the_others(app):
    @app.get("hello")
    def hello(request):
        return f"hello {request.address} by {request.protocol}, {request.agent}\n"

    assert read(app, "/hello") == b"hello 192.0.2.7 by http, curl/8\n"
    assert read(app, "file") == b"static"
    with pytest.raises(NotFound):
        read(app, "hello/more")


def test_what_is_no_content_is_said_at_once():
    with pytest.raises(TypeError, match="5 is no content: give a folder or a Tree"):
        App(5)


def test_a_function_is_told_the_query_of_a_url(app):
    app.get("boot")(lambda request: repr(request.query))

    def asked(query):
        client = dataclasses.replace(ME, query=query)
        return eval(read(app, "boot", client))

    assert asked("") == {}
    assert asked("mac=52%3A54&uuid=&x=1&x=2") == {"mac": "52:54", "uuid": "", "x": "2"}
    assert asked("&&=&a=%zz+b") == {"": "", "a": "%zz b"}
    with pytest.raises(Refused):
        asked("&".join(f"f{n}=1" for n in range(65)))


def test_a_function_goes_before_a_file_of_that_name(app):
    app.get("file")(lambda request: "function")
    assert read(app, "file") == b"function"
    assert read(app, "deep/file") == b"deep"


def test_the_first_function_that_fits_answers(app):
    @app.get("{number}")
    def of_number(request, number: int):
        return f"number {number}"

    @app.get("{text}")
    def of_text(request, text):
        return f"text {text}"

    assert read(app, "12") == b"number 12"
    assert read(app, "12a") == b"text 12a"


def test_names_of_windows_loaders_are_the_same_names(app):
    app.get("boot/bcd")(lambda request: request.name)
    assert read(app, r"\boot\bcd") == b"boot/bcd"


@pytest.mark.parametrize("plain", [True, False])
def test_what_a_function_returns_becomes_content(tmp_path, plain):
    (tmp_path / "file").write_bytes(b"of the folder")
    (tmp_path / "other").write_bytes(b"from anywhere")
    app = App(Directory(tmp_path))
    answers = {
        "str": ("text \u00e9", "text \u00e9".encode()),
        "bytes": (b"\0bytes", b"\0bytes"),
        "blob": (Blob.from_bytes(b"blob"), b"blob"),
        "beneath": (Path("file"), b"of the folder"),
        "elsewhere": (tmp_path / "other", b"from anywhere"),
    }
    for name, (answer, _) in answers.items():
        if plain:
            app.get(name)(lambda request, answer=answer: answer)
        else:

            async def later(request, answer=answer):
                return answer

            app.get(name)(later)
    for name, (_, expected) in answers.items():
        assert read(app, name) == expected


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, NotFound),
        (Path("missing"), NotFound),
        (Path("/nonexistent/file"), NotFound),
        (Path("../file"), Refused),
        (Path("/"), Refused),
        (12, TypeError),
    ],
)
def test_what_is_no_content_is_an_error(tmp_path, answer, error):
    app = App(Directory(tmp_path))
    app.get("x")(lambda request: answer)
    with pytest.raises(error):
        read(app, "x")


def test_a_relative_path_needs_a_folder():
    app = App()
    app.get("x")(lambda request: Path("file"))
    with pytest.raises(NotFound, match="no folder"):
        read(app, "x")


def test_P7_what_was_opened_counts_and_not_what_has_its_name_now(app, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)

    class Replaced(type(path)):
        def is_file(self):
            return True

    app.get("x")(lambda request: Replaced(path))
    with pytest.raises(Refused):
        read(app, "x")


def stream(size, *pieces):
    async def generate():
        for piece in pieces:
            yield piece

    return Blob.from_stream(size, generate())


def test_a_stream_is_gathered_for_tftp_and_streamed_over_http(app):
    app.get("x")(lambda request: stream(4, b"ab", b"", b"cd"))
    assert app.open("x", ME).pieces is not None
    assert read(app, "x", BY_TFTP) == b"abcd"


@pytest.mark.parametrize("size", [3, 5, (1 << 20) + 1])
def test_a_stream_of_another_size_or_a_large_one_is_not_for_tftp(app, size):
    app.get("x")(lambda request: stream(size, b"ab", b"cd"))
    with pytest.raises(Unavailable):
        read(app, "x", BY_TFTP)


def test_P5_a_name_that_is_no_utf8_comes_back_as_it_was(app):
    app.get("hosts/{name}")(lambda request, name: f"#{name}")
    assert read(app, "hosts/\udcff") == b"#\xff"


def test_an_async_generator_is_refused_when_it_is_declared(app):
    async def pieces(request):
        yield b""

    with pytest.raises(TypeError, match=r"Blob\.from_stream"):
        app.get("x")(pieces)


@pytest.mark.parametrize("plain", [True, False])
def test_who_may_not_read_is_refused_files_and_functions_alike(app, plain):
    asked = []

    def allow(request):
        asked.append(request.name)
        return not request.name.startswith("deep")

    async def allow_later(request):
        return allow(request)

    app.may(allow if plain else allow_later)
    app.get("deep/x")(lambda request: "function")
    app.get("x")(lambda request: "function")
    assert read(app, "file") == b"static"
    assert read(app, "x") == b"function"
    for name in ("deep/x", "deep/file"):
        with pytest.raises(Refused):
            read(app, name)
    assert asked == ["file", "x", "deep/x", "deep/file"]


@pytest.mark.parametrize("order", ["plain first", "async first"])
def test_all_have_to_agree(app, order):
    async def yes(request):
        return True

    def no(request):
        raise Refused("not today")

    for guard in (yes, no) if order == "async first" else (no, yes):
        app.may(guard)
    with pytest.raises(Refused, match="not today"):
        read(app, "file")


def test_files_are_known_by_their_path_where_no_function_has_a_say(tmp_path):
    app = App()
    app.get("{name}.ipxe")(lambda request, name: "")
    folder = Directory(tmp_path)
    tree = app.over(folder)
    assert tree.path_of("/file") == str(tmp_path / "file")
    assert tree.path_of("/x.ipxe") is None
    assert tree.path_of("/../x") is None
    guarded = App()
    guarded.may(lambda request: True)
    assert guarded.over(folder).path_of("/file") is None
    folder.close()


SITE = Site("images", lambda arch: "usual.efi", http_port=80)
UEFI = fastboot.Machine(MAC, (7,))
UEFI_HTTP = fastboot.Machine(MAC, (16,), fastboot.Firmware.HTTP)
IPXE = fastboot.Machine(MAC, (7,), fastboot.Firmware.IPXE, ipxe_http=True)


def site(app, **more):
    return dataclasses.replace(SITE, choice=app.choice, **more)


def test_who_may_read_is_said_before_it_is_served(app):
    app.over(Memory({}))
    with pytest.raises(RuntimeError, match="before the app is served"):
        app.may(lambda request: True)


def test_a_function_chooses_what_a_machine_boots(app):
    @app.program
    def program(machine):
        return f"{machine.mac.replace(':', '-')}.efi"

    own = "52-54-00-12-34-56.efi"
    assert choose(UEFI, site(app)) == Answer(own)
    assert choose(UEFI_HTTP, site(app)) == Answer(own, 80)
    assert choose(IPXE, site(app)) == Answer(own, 80)
    assert choose(IPXE, site(app, http_port=None)) == Answer(own)


def test_what_cannot_be_had_is_not_told(app):
    app.program(lambda machine: "own.efi")
    assert isinstance(choose(UEFI, site(app, tftp=False)), Missing)
    assert isinstance(choose(UEFI_HTTP, site(app, http_port=None)), Missing)


def test_none_is_the_usual_choice_and_a_refusal_is_none(app):
    assert choose(UEFI, site(app)) == Answer("usual.efi")
    app.program(lambda machine: None)
    assert choose(UEFI, site(app)) == Answer("usual.efi")

    @app.program
    def program(machine):
        raise Refused("it is being repaired")

    assert choose(UEFI, site(app)) == Missing("it is being repaired")


def test_a_hook_that_nobody_would_await_is_refused(app):
    async def later(fact): ...

    for hook in (app.program, app.on(Dropped)):
        with pytest.raises(TypeError, match="async"):
            hook(later)


def test_events_reach_the_functions_that_want_them_and_then_the_server(app):
    heard = []
    app.on(Dropped)(lambda event: heard.append(("dropped", event)))
    app.on(fastboot.Event)(lambda event: heard.append(("all", event)))
    app.on()(lambda event: heard.append(("any", event)))
    report = app.reporting(lambda event: heard.append(("server", event)))
    dropped = Dropped("tftp", "192.0.2.7", "garbage")
    listening = Listening("tftp", "192.0.2.2", 69)
    report(dropped)
    report(listening)
    assert heard == [
        *(
            ("dropped", dropped),
            ("all", dropped),
            ("any", dropped),
            ("server", dropped),
        ),
        *(("all", listening), ("any", listening), ("server", listening)),
    ]


def test_a_handler_that_raises_is_a_fault_and_stops_nobody(app):
    heard = []

    @app.on(Listening)
    def broken(event):
        raise ZeroDivisionError

    app.on(Listening)(heard.append)
    app.reporting(heard.append)(event := Listening("tftp", "::", 69))
    assert [heard[1], heard[2]] == [event, event]
    assert isinstance(heard[0], Fault)
    assert heard[0].protocol == "app"


def test_what_is_no_event_cannot_be_waited_for(app):
    with pytest.raises(TypeError, match=r"fastboot\.events"):
        app.on(str)


CARD = Interface("eth0", 2, ipv4=(IPv4Address("192.0.2.2"),))


def test_a_client_is_known_by_its_neighbour_entry_and_by_its_lease():
    asked = []

    def neighbour(address, index):
        asked.append((address, index))
        return MAC.packed

    seen = Seen(Interfaces(lambda: [CARD]), neighbour)
    assert seen.mac(ME) == MAC
    assert asked == [("192.0.2.7", 2)]
    other = "52:54:00:00:00:01"
    seen.hear(Leased(other, "192.0.2.7", "192.0.2.2", "offer", 60, ""))
    assert seen.mac(ME) == MAC  # an offer is no lease
    seen.hear(Leased(other, "192.0.2.7", "192.0.2.2", "ack", 60, ""))
    assert seen.mac(ME) == other


@pytest.mark.parametrize(
    "who", ["fe80::5054:ff:fe12:3456", "", "52:54:00", "80:00:00:48:" * 5 + "fe"]
)
def test_D2_who_took_an_address_under_another_name_than_a_mac_is_served_all_the_same(
    app, who
):
    app.seen = Seen(Interfaces(lambda: [CARD]), lambda address, index: None)
    app.seen.hear(Leased(who, ME.address, "192.0.2.2", "ack", 3600, ""))
    app.get("mac")(lambda request: repr(request.mac))
    assert read(app, "mac") == b"None"


def test_a_function_is_told_what_dhcp_saw_of_a_machine(app):
    app.seen = Seen(Interfaces(lambda: [CARD]), lambda address, index: MAC.packed)

    @app.get("x")
    def x(request):
        return f"{request.mac} {request.arch and request.arch.words}"

    assert read(app, "x") == b"52:54:00:12:34:56 None"
    app.choice(UEFI)
    assert read(app, "x") == b"52:54:00:12:34:56 UEFI x86-64"


def test_only_so_many_machines_are_remembered():
    seen = Seen(Interfaces(lambda: [CARD]), lambda address, index: None)
    for number in range(SEEN_MAX + 1):
        mac = Mac(f"{number:012x}")
        seen.remember(fastboot.Machine(mac))
    assert seen.machine(Mac("000000000000")) is None
    assert seen.machine(mac).mac == mac
    assert seen.mac(ME) is None
