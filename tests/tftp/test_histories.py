"""The whole server against any client: random options, random manners, both twins.

Time stands still or is passed in; the sockets are real, on loopback.
"""

import os
import random
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastboot import events
from fastboot._ext import twin
from fastboot.tftp import recall
from fastboot.tftp.carrier import Carrier
from fastboot.tftp.options import WINDOW_MAX
from fastboot.tftp.packet import Ack, Data, Error, OptionAck, ReadRequest, decode
from fastboot.tftp.transfer import UNCONFIRMED_SENDS
from fastboot.tree import Directory, Memory
from served import Served
from wire import Reader

OCTETS = random.Random(3).randbytes(3000)
LINES = b"one\ntwo\r\nthree\r" * 90
FILES = {"octets": OCTETS, "lines": LINES, "empty": b"", "even": OCTETS[:1024]}
TREE = Memory(FILES)

COMPILED = twin("tftp_carrier")
KINDS = {"py": Carrier, **({"ext": COMPILED.Carrier} if COMPILED else {})}

numbers = st.one_of(
    st.sampled_from([0, 1, 2, 4, 7, 8, 9, 64, 512, 1024, 31416, 65464, 65535, 10**6]),
    st.integers(0, 70_000),
).map(b"%d".__mod__)
names = st.sampled_from(
    [
        *(b"blksize", b"blksize2", b"timeout", b"utimeout", b"tsize", b"windowsize"),
        *(b"rollover", b"msftwindow", b"multicast", b"BLKSIZE", b"WindowSize"),
    ]
)
words = st.binary(max_size=12).map(lambda raw: raw.replace(b"\0", b""))
options = st.lists(
    st.tuples(names, numbers) | st.tuples(words.filter(bool), words), max_size=6
).map(tuple)
requests = st.builds(
    ReadRequest,
    st.sampled_from([*(name.encode() for name in FILES), b"missing", b"../octets"]),
    st.sampled_from([b"octet", b"netascii", b"mail"]),
    options,
)


@contextmanager
def serving(kind, tree=TREE):
    """A server in which nothing goes wrong, and which forgets every client in time."""
    served = Served(tree, kind, msftwindow=True, max_windowsize=64)
    try:
        yield served
        for _ in range(150):
            if served.engine.idle:
                break
            served.poll(1.0)
        assert served.engine.idle
        assert not [e for e in served.events if isinstance(e, events.Fault)]
    finally:
        served.close()


def taken(served, sock):
    """Everything that has come to a client, and the port that it came from."""
    packets, tid = [], None
    while True:
        packet, came = served.take(sock)
        if packet is None:
            return packets, tid
        packets.append(packet)
        tid = came


def expected(request):
    """What the file is on the wire."""
    content = FILES[request.filename.decode()]
    if request.mode == b"octet":
        return content
    return content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def agreed(request, oack):
    """What a client holds a server to, by its own reading of the RFCs."""
    asked = {}
    for name, value in request.options:
        asked.setdefault(name, []).append(value)
    granted = {name.lower(): int(value) for name, value in oack.options}
    assert len(granted) == len(oack.options), "an option was granted twice"
    for name, value in oack.options:
        assert name in asked, "an option was granted that nobody asked for"
        if name.lower() in (b"blksize", b"windowsize", b"blksize2"):
            assert int(value) <= max(map(int, filter(bytes.isdigit, asked[name])))
        if name.lower() == b"tsize":
            assert int(value) == len(expected(request))
            assert request.mode == b"octet"
    blksize = granted.get(b"blksize", granted.get(b"blksize2", 512))
    window = granted.get(b"windowsize", 4 if b"msftwindow" in granted else 1)
    assert 8 <= blksize <= 65464
    assert 1 <= window <= WINDOW_MAX
    wishes = (3, 1, 9) if b"msftwindow" in granted else ()
    return blksize, window, wishes, granted.get(b"rollover", 0)


def reader_for(request, packet):
    """A reader that holds to what the first packet says."""
    if isinstance(packet, OptionAck):
        blksize, window, wishes, rollover = agreed(request, packet)
        return Reader(blksize, window, wishes=wishes, rollover=rollover)
    return Reader(oack=False)


@pytest.mark.parametrize("kind", KINDS)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    request=requests.filter(
        lambda r: r.mode != b"mail" and r.filename.decode() in FILES
    ),
    fates=st.dictionaries(
        st.integers(2, 60), st.sampled_from(["lose", "double"]), max_size=8
    ),
)
def test_whatever_is_asked_and_lost_the_file_arrives_as_it_is(kind, request, fates):
    count = 0

    def passes(packet):
        nonlocal count
        count += 1
        return {"lose": [], "double": [packet] * 2}.get(fates.get(count), [packet])

    with serving(KINDS[kind]) as served:
        sock = served.client()
        first, tid = served.ask(
            sock, request.filename, *request.options, mode=request.mode
        )
        reader = reader_for(request, first)
        arrived = [first]
        for _ in range(4000):
            answers = [
                answer
                for packet in arrived
                for kept in passes(packet)
                for answer in reader.receive(kept.encode(), served.now)
            ]
            if reader.done and not answers:
                break
            if not answers:
                served.poll(0.25)
                if served.now >= reader.deadline:
                    answers = reader.tick(served.now)
            for answer in answers:
                for kept in passes(answer):
                    sock.sendto(kept, tid)
                    served.poll()
            arrived, _ = taken(served, sock)
            if served.engine.idle and not arrived:
                break
        assert b"".join(reader.payload) == expected(request)
        assert reader.done
        # Its last ACK may come twice, when nothing is known of the transfer any more.
        assert reader.error in (None, (5, b"unknown transfer"))


GOOD = st.builds(
    lambda blksize, window: ReadRequest(
        b"octets", b"octet", ((b"blksize", blksize), (b"windowsize", window))
    ),
    st.sampled_from([b"8", b"64", b"512"]),
    st.sampled_from([b"1", b"2", b"4", b"16"]),
)
steps = st.lists(
    st.tuples(
        st.integers(0, 2),  # which client
        st.one_of(
            st.tuples(st.just("ask"), requests | GOOD),
            st.tuples(st.just("ack"), st.integers(-5, 5)),
            st.tuples(st.just("ack"), st.just(0)),
            st.tuples(st.just("again"), st.just(0)),
            st.tuples(st.just("wish"), st.integers(0, 255)),
            st.tuples(st.just("error"), st.integers(0, 9)),
            st.tuples(st.just("raw"), st.binary(max_size=600)),
            st.tuples(st.just("raw to the door"), st.binary(max_size=600)),
        ),
    ),
    max_size=40,
)


class Mouth:
    """What one client says to one server, and what it was told."""

    def __init__(self, served):
        self.served = served
        self.sock = served.client()
        self.tid = None
        self.last = 0
        self.said = None

    def say(self, what, value):
        door = ("127.0.0.1", self.served.port)
        match what:
            case "ask":
                raw, to = value.encode(), door
            case "again" if self.said:
                raw, to = self.said
            case "ack":
                raw, to = Ack((self.last + value) & 0xFFFF).encode(), self.tid
            case "wish":
                raw, to = Ack(self.last & 0xFFFF, value).encode(), self.tid
            case "error":
                raw, to = Error(value, b"words").encode(), self.tid
            case "raw":
                raw, to = value, self.tid
            case "raw to the door":
                raw, to = value, door
            case _:
                return []
        if to is None:
            return []
        self.said = raw, to
        self.sock.sendto(raw, to)
        self.served.poll()
        return self.hear()

    def hear(self):
        packets, tid = taken(self.served, self.sock)
        self.tid = tid or self.tid
        for packet in packets:
            if isinstance(packet, OptionAck):
                self.last = 0
            elif isinstance(packet, Data):
                self.last = packet.block
        return [packet.encode() for packet in packets]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files on a disk, where they have been for long."""
    root = tmp_path_factory.mktemp("folder")
    for name, content in FILES.items():
        (root / name).write_bytes(content)
        os.utime(root / name, (10**9, 10**9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recall, "SETTLED_NS", -(10**18))
        yield Directory(root)


FEW = st.sampled_from(
    [
        ReadRequest(name, b"octet", options)
        for name in (b"octets", b"empty", b"missing")
        for options in ((), ((b"tsize", b"0"),), ((b"blksize", b"1024"),))
    ]
)
# Waits that end at no deadline: the compiled wheel is coarser than Python's timers.
familiar = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.one_of(
            st.tuples(st.just("ask"), FEW),
            st.tuples(st.just("ack"), st.sampled_from([0, 0, 0, 0, -1, 1])),
            st.tuples(st.just("again"), st.just(0)),
            st.tuples(st.just("error"), st.sampled_from([0, 8, 3])),
            st.tuples(st.just("wait"), st.sampled_from([0.57, 9.7])),
        ),
    ),
    max_size=40,
)


@pytest.mark.skipif(COMPILED is None, reason="the compiled parts are not built")
@pytest.mark.ext
@given(steps=familiar)
def test_the_twins_answer_the_same_to_requests_that_come_again(folder, steps):
    with serving(KINDS["py"], folder) as one, serving(KINDS["ext"], folder) as other:
        for served in (one, other):  # so that the compiled one knows them
            for _ in range(3):
                sock = served.client("127.0.0.3")
                served.get(sock, b"octets", (b"tsize", b"0"))
                served.get(sock, b"octets", (b"blksize", b"1024"))
                served.get(sock, b"octets")
            served.events.clear()
        mouths = [(Mouth(one), Mouth(other)) for _ in range(3)]
        for which, (what, value) in steps:
            if what == "wait":
                for served in (one, other):
                    served.poll(value)
                assert heard(mouths, 0) == heard(mouths, 1)
                continue
            mine, theirs = (mouth.say(what, value) for mouth in mouths[which])
            assert mine == theirs
        for served in (one, other):
            served.poll(0.57)  # transfers that go well are told of in batches
        assert one.engine.stats() == other.engine.stats()
        assert sorted(map(repr, one.events)) == sorted(map(repr, other.events))


def heard(mouths, which):
    return [pair[which].hear() for pair in mouths]


@pytest.mark.skipif(COMPILED is None, reason="the compiled parts are not built")
@pytest.mark.ext
@given(steps=steps)
def test_the_twins_answer_the_same_to_whatever_clients_say(steps):
    with serving(KINDS["py"]) as one, serving(KINDS["ext"]) as other:
        mouths = [(Mouth(one), Mouth(other)) for _ in range(3)]
        for which, (what, value) in steps:
            mine, theirs = (mouth.say(what, value) for mouth in mouths[which])
            assert mine == theirs
        assert one.events == other.events


@pytest.mark.parametrize("kind", KINDS)
@given(request=requests)
def test_T3_who_never_acknowledges_gets_three_small_packets_at_most(kind, request):
    with serving(KINDS[kind]) as served:
        mouth = Mouth(served)
        got = mouth.say("ask", request)
        for _ in range(10):
            served.poll(1.0)
            got += mouth.hear()
        assert len(got) <= UNCONFIRMED_SENDS
        largest = max(map(len, got), default=0)
        assert largest <= max(516, len(request.encode()) + 24)
        assert len({decode(raw).encode() for raw in got}) <= 1
