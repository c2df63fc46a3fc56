"""Trees that answer later, over both protocols, under every kind of loop."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio

import download
import loops
from fastboot import events
from fastboot.config import HttpConfig, TftpConfig
from fastboot.errors import NotFound, Refused
from fastboot.http.engine import Engine as HttpEngine
from fastboot.listen import Place
from fastboot.tftp.engine import Engine as TftpEngine
from fastboot.tree import Function, Memory, Overlay

HERE = [Place("127.0.0.1")]
GET = {"tftp": download.tftp, "http": download.http_get}


@pytest.fixture(params=["tftp", "http"])
def protocol(request):
    return request.param


class Site:
    """An engine of one protocol over a tree, and a client."""

    def __init__(self, protocol, tree, **config):
        self.protocol = protocol
        self.events = []
        kind, settings = {
            "tftp": (TftpEngine, TftpConfig),
            "http": (HttpEngine, HttpConfig),
        }[protocol]
        self.engine = kind(settings(port=0, **config), tree, self.events.append, HERE)

    def get(self, name):
        return GET[self.protocol](self.engine.ports[0][1], name)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def serve(loop, protocol):
    """Runs `work(site)` while an engine serves a tree; `serve.of` has its events."""
    sites = []

    def run(tree, work, **config):
        site = Site(protocol, tree, **config)
        sites.append(site)
        return loops.run(loop, [site.engine], lambda control: work(site))

    run.of = lambda kind: sites[-1].of(kind)
    yield run
    for site in sites:
        site.engine.close()


@pytest.fixture
def nap(loop):
    """Gives up the thread, in the manner of the loop that the tree runs under."""
    return trio.lowlevel.checkpoint if loop == "trio" else lambda: asyncio.sleep(0)


@pytest.fixture
def forever(loop):
    return trio.sleep_forever if loop == "trio" else asyncio.Event().wait


def test_an_async_function_answers(serve, nap):
    async def script(name, client):
        await nap()
        return f"{name} for {client.address}"

    content = serve(Function(script), lambda site: site.get("a/b.ipxe"))
    assert content == b"a/b.ipxe for 127.0.0.1"


def test_a_plain_function_answers(serve):
    tree = Function(lambda name, client: name.encode())
    assert serve(tree, lambda site: site.get("one")) == b"one"


@pytest.mark.parametrize(
    ("raised", "reason"),
    [(None, "no such file"), (Refused("not for you"), "not for you")],
)
def test_what_it_raises_is_the_protocols_own_error(serve, nap, raised, reason):
    async def nothing(name, client):
        await nap()
        if raised:
            raise raised

    def work(site):
        with pytest.raises(download.Refusal):
            site.get("x")

    serve(Function(nothing), work)
    (event,) = serve.of(events.RequestRefused)
    assert event.reason == reason


@pytest.mark.parametrize("later", [False, True])
def test_a_mistake_in_it_is_reported_and_costs_one_request(serve, nap, later):
    def mistaken(name, client):
        if name == "good":
            return b"good"
        raise ZeroDivisionError

    async def mistaken_later(name, client):
        await nap()
        return mistaken(name, client)

    def work(site):
        with pytest.raises(download.Refusal):
            site.get("bad")
        assert site.get("good") == b"good"

    serve(Function(mistaken_later if later else mistaken), work)
    (fault,) = serve.of(events.Fault)
    assert isinstance(fault.error, ZeroDivisionError)


def test_what_is_no_content_is_a_mistake(serve, nap):
    async def number(name, client):
        return 7

    def work(site):
        with pytest.raises(download.Refusal):
            site.get("seven")

    serve(Function(number), work)
    (fault,) = serve.of(events.Fault)
    assert "int is no content" in str(fault.error)


def test_behind_a_tree_that_has_nothing_later_the_next_is_asked(serve, nap):
    async def nothing(name, client):
        await nap()
        raise NotFound("no such file")

    tree = Overlay(Function(nothing), Function(nothing), Memory({"x": b"found"}))
    assert serve(tree, lambda site: site.get("x")) == b"found"


def test_while_one_answer_is_awaited_others_are_served(serve, nap):
    wanted = threading.Event()

    async def patient(name, client):
        while name == "slow" and not wanted.is_set():
            await nap()
        return name.encode()

    def work(site):
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(site.get, "slow")
            others = [site.get(f"file-{n}") for n in range(5)]
            wanted.set()
            return [slow.result(), *others]

    assert serve(Function(patient), work) == [
        b"slow",
        *(b"file-%d" % n for n in range(5)),
    ]


def test_an_answer_that_takes_too_long_is_refused(serve, forever):
    async def never(name, client):
        await forever()

    def work(site):
        with pytest.raises(download.Refusal):
            site.get("x")

    serve(Function(never), work, answer_timeout=1.0)
    (event,) = serve.of(events.RequestRefused)
    assert event.reason == "no answer within 1 s"


def test_leaving_the_driver_ends_what_is_awaited(loop, protocol, forever):
    begun, ended = threading.Event(), threading.Event()

    async def never(name, client):
        begun.set()
        try:
            await forever()
        finally:
            ended.set()

    site = Site(protocol, Function(never))
    with ThreadPoolExecutor(1) as pool:
        job = loops.run(
            loop,
            [site.engine],
            lambda control: (pool.submit(site.get, "x"), begun.wait(10))[0],
        )
        assert ended.is_set()
        site.engine.poll(0)  # says so to the client
        site.engine.poll(0)
        site.engine.close()
        assert job.exception() is not None
