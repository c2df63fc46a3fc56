"""Requests that come again: who is asked, and that nobody can tell the difference."""

import os
import random
from types import SimpleNamespace

import pytest

from fastboot import events
from fastboot.arrival import Arrival
from fastboot.config.client import TftpClient
from fastboot.tftp import recall as recall_module
from fastboot.tftp.packet import Ack, Data, Error, OptionAck, ReadRequest
from fastboot.tftp.recall import KEPT, Recall
from fastboot.tftp.request import understand
from fastboot.tftp.share import OF_ONE_MAX, UNCONFIRMED_MAX
from fastboot.tftp.table import Question
from fastboot.timeline.reader import Timeline
from fastboot.tree import Blob, Directory

FILE = random.Random(4).randbytes(1700)
SIZE = (b"tsize", b"0")


class Asked:
    """A folder that counts how often it is asked."""

    def __init__(self, root, **kinds):
        self.folder = Directory(root, **kinds)
        self.count = 0

    def open(self, name, client):
        self.count += 1
        return self.folder.open(name, client)

    def path_of(self, name):
        return self.folder.path_of(name)


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Files count as settled at once."""
    monkeypatch.setattr(recall_module, "SETTLED_NS", -(10**18))


@pytest.fixture
def root(tmp_path):
    """A folder with one file, which was written long ago."""
    write(tmp_path / "file", FILE)
    return tmp_path


def write(path, content, at=10**9):
    path.write_bytes(content)
    os.utime(path, (at, at))


@pytest.fixture
def compiled(carrier):
    """Whether the carrier is the one that keeps what it is told."""
    return carrier.__module__.startswith("fastboot._ext")


@pytest.fixture
def known(serve, root, compiled):
    """A server that was asked for a file often enough to know how to answer."""

    def make(tree=None, **kinds):
        tree = tree or Asked(root)
        served = serve(tree, **kinds)
        for _ in range(3):
            assert served.get(served.client(), b"file", SIZE) == FILE
        assert tree.count == (2 if compiled else 3)
        served.events.clear()
        tree.count = 0
        return SimpleNamespace(served=served, tree=tree)

    return make


# Who is asked


def test_what_was_asked_twice_is_answered_without_a_tree(known, compiled):
    case = known()
    for _ in range(4):
        assert case.served.get(case.served.client(), b"file", SIZE) == FILE
    assert case.tree.count == (0 if compiled else 4)


def test_each_transfer_is_accounted_for_as_ever(known):
    case = known()
    case.served.get(case.served.client(), b"file", SIZE)
    (event,) = case.served.events
    assert event == events.Finished("tftp", "127.0.0.1", "file", 1700, 0.0, 0)
    stats = case.served.engine.stats()
    assert (stats["requests"], stats["transfers"], stats["bytes"]) == (4, 4, 6800)
    assert case.served.engine.idle


def test_what_ends_in_one_turn_is_told_in_its_order(known):
    served = known(ports="single").served
    clients = [served.client(f"127.0.0.{n}") for n in range(2, 8)]
    for sock in clients:
        _, tid = served.ask(sock, b"file", SIZE)
        for block in range(4):
            served.say(sock, Ack(block), tid)
    clients.insert(2, served.client("127.0.0.9"))
    served.ask(clients[2], b"file", SIZE)
    for sock in clients:
        last = Error(8, b"the size is enough") if sock is clients[2] else Ack(4)
        sock.sendto(last.encode(), ("127.0.0.1", served.port))
    served.poll()
    told = [(type(event), event.client) for event in served.events]
    kinds = [events.Finished] * 2 + [events.Probed] + [events.Finished] * 4
    numbers = (2, 3, 9, 4, 5, 6, 7)
    assert told == [
        (kind, f"127.0.0.{n}") for kind, n in zip(kinds, numbers, strict=True)
    ]


def test_who_follows_machines_knows_of_each_transfer_and_its_first_packets(known):
    timeline = Timeline(lambda: 1000.0, lambda: 1000.0)
    case = known(follows=timeline)
    for _ in range(4):
        case.served.get(case.served.client("127.0.0.5"), b"file", SIZE)
    _, record = timeline.record("127.0.0.5")
    (step,) = record.steps
    assert (step.kind, step.text, step.count, step.size) == ("got", "file", 4, 1700)
    request = ReadRequest(b"file", b"octet", (SIZE,)).encode()
    oack = OptionAck(((b"tsize", b"1700"),)).encode()
    packets = [packet.data for packet in timeline.packets("127.0.0.5")]
    assert packets == [request, oack] * 4


def test_other_words_for_the_same_file_are_another_request(known):
    case = known()
    assert case.served.get(case.served.client(), b"/file", SIZE) == FILE
    assert case.served.get(case.served.client(), b"file") == FILE
    assert case.tree.count == 2


def test_a_tree_without_paths_is_asked_each_time(serve, root):
    tree = Asked(root)
    served = serve(SimpleNamespace(open=tree.open))
    for _ in range(5):
        assert served.get(served.client(), b"file") == FILE
    assert tree.count == 5


def test_where_rules_for_single_clients_are_in_force_each_request_is_looked_at(
    serve, root
):
    tree = Asked(root)
    rule = TftpClient(address="127.0.0.9/32", refuse=("tsize",))
    served = serve(tree, client=(rule,))
    for _ in range(5):
        assert served.get(served.client(), b"file") == FILE
    packet, _ = served.ask(served.client("127.0.0.9"), b"file", SIZE)
    assert isinstance(packet, Data)
    assert tree.count == 6


def test_what_is_kept_is_looked_at_again_after_a_while(known):
    case = known()
    case.served.poll(recall_module.GOOD_FOR + 1)
    assert case.served.get(case.served.client(), b"file", SIZE) == FILE
    assert case.tree.count == 1


# The file


@pytest.mark.parametrize("new", [b"x" * 1700, b"longer" * 400, b""])
def test_F4_a_file_that_was_rewritten_is_served_as_it_is_now(known, root, new):
    case = known()
    write(root / "file", new, 2 * 10**9)
    assert case.served.get(case.served.client(), b"file") == new
    packet, _ = case.served.ask(case.served.client(), b"file", SIZE)
    if new:
        assert packet == OptionAck(((b"tsize", b"%d" % len(new)),))


def test_F3_a_file_that_was_replaced_is_served_as_it_is_now(known, root):
    case = known()
    write(root / "new", FILE[::-1])
    os.replace(root / "new", root / "file")
    assert case.served.get(case.served.client(), b"file", SIZE) == FILE[::-1]


def test_F3_a_transfer_under_way_goes_on_with_the_file_as_it_was(known, root):
    case = known()
    served, sock = case.served, case.served.client()
    _, tid = served.ask(sock, b"file", SIZE)
    packet, _ = served.say(sock, Ack(0), tid)
    got = packet.payload
    write(root / "new", b"other")
    os.replace(root / "new", root / "file")
    assert served.get(served.client(), b"file", SIZE) == b"other"
    for block in range(1, 4):
        packet, _ = served.say(sock, Ack(block), tid)
        got += packet.payload
    assert got == FILE


def test_a_file_that_is_gone_is_not_served(known, root):
    case = known()
    (root / "file").unlink()
    packet, _ = case.served.ask(case.served.client(), b"file", SIZE)
    assert packet.code == 1


def test_P10_a_file_that_not_everybody_may_read_any_more_is_refused(known, root):
    (root / "file").chmod(0o644)
    case = known(Asked(root, public=True))
    (root / "file").chmod(0o600)
    packet, _ = case.served.ask(case.served.client(), b"file", SIZE)
    assert isinstance(packet, Error)


def test_P6_a_link_that_leads_outside_now_is_refused(known, root, tmp_path_factory):
    case = known()
    outside = tmp_path_factory.mktemp("outside") / "secret"
    write(outside, FILE)
    (root / "file").unlink()
    (root / "file").symlink_to(outside)
    packet, _ = case.served.ask(case.served.client(), b"file", SIZE)
    assert isinstance(packet, Error)


# The client


def test_T5_a_stranger_does_not_touch_the_transfer(known):
    served = known().served
    sock, stranger = served.client(), served.client()
    _, tid = served.ask(sock, b"file", SIZE)
    answer, _ = served.say(stranger, Ack(0), tid)
    assert answer.code == 5
    packet, _ = served.say(sock, Ack(0), tid)
    assert packet == Data(1, FILE[:512])


def test_T6_a_request_that_is_repeated_begins_nothing_new(known):
    case = known()
    sock = case.served.client()
    first, tid = case.served.ask(sock, b"file", SIZE)
    again, same = case.served.ask(sock, b"file", SIZE)
    assert (again, same) == (first, tid)
    assert case.served.engine.stats()["active"] == 1
    assert case.served.engine.stats()["transfers"] == 4


def test_who_asks_anew_on_the_same_port_gets_a_new_transfer(known):
    served = known().served
    sock = served.client()
    for _ in range(3):
        assert served.get(sock, b"file", SIZE) == FILE
    assert [type(event) for event in served.events] == [events.Finished] * 3


def test_who_asked_for_the_size_alone_is_no_failure(known):
    served = known().served
    sock = served.client()
    _, tid = served.ask(sock, b"file", SIZE)
    served.say(sock, Error(8, b"User aborted"), tid)
    (event,) = served.events
    assert event == events.Probed("tftp", "127.0.0.1", "file", 1700)


def test_who_gives_up_is_a_failure(known):
    served = known().served
    sock = served.client()
    _, tid = served.ask(sock, b"file", SIZE)
    served.say(sock, Ack(0), tid)
    served.say(sock, Error(3, b"disk full"), tid)
    (event,) = served.events
    assert (type(event), event.reason) == (events.Failed, "error 3: disk full")


def test_a_first_ack_that_comes_late_begins_the_transfer_again(known):
    served = known().served
    sock = served.client()
    _, tid = served.ask(sock, b"file", SIZE)
    for _ in range(12):
        served.poll(1.0)
    assert [type(event) for event in served.events] == [events.Failed]
    while served.take(sock)[0]:
        pass
    served.say(sock, Ack(0), tid)
    assert served.engine.stats()["active"] == 1


def test_clients_are_told_when_the_server_stops(known):
    served = known().served
    sock = served.client()
    served.ask(sock, b"file", SIZE)
    served.engine.close()
    packet, _ = served.take(sock)
    assert isinstance(packet, Error)
    assert [type(event) for event in served.events] == [events.Failed]


def test_what_is_under_way_when_requests_end_goes_on(known):
    served = known().served
    sock = served.client()
    _, tid = served.ask(sock, b"file", SIZE)
    served.engine.drain()
    assert not served.engine.idle
    for block in range(4):
        packet, _ = served.say(sock, Ack(block), tid)
        assert packet.block == block + 1
    served.say(sock, Ack(4), tid)
    assert served.engine.idle


# What nobody may do to others


def test_T3_who_asked_in_vain_is_looked_at_again(known):
    case = known()
    served = case.served
    served.ask(served.client(), b"file", SIZE)
    for _ in range(12):
        served.poll(1.0)
    case.tree.count = 0
    assert served.get(served.client(), b"file", SIZE) == FILE
    assert case.tree.count == 1


def test_T3_many_transfers_of_one_address_are_looked_at(known, compiled):
    case = known()
    for _ in range(OF_ONE_MAX + 3):
        case.served.ask(case.served.client(), b"file", SIZE)
    assert case.tree.count == (3 if compiled else OF_ONE_MAX + 3)


def test_T8_no_more_transfers_of_one_address_than_it_may_have(known):
    served = known(max_per_client=3).served
    answers = [served.ask(served.client(), b"file", SIZE)[0] for _ in range(5)]
    assert [answer is None for answer in answers] == [False] * 3 + [True] * 2


def test_T8_no_more_transfers_than_there_may_be(known):
    served = known(max_transfers=2).served
    clients = [served.client(f"127.0.0.{n}") for n in range(2, 6)]
    answers = [served.ask(sock, b"file", SIZE)[0] for sock in clients]
    assert [answer is None for answer in answers] == [False] * 2 + [True] * 2


def test_T8_half_open_transfers_stay_few_and_the_oldest_makes_room(known):
    served = known().served
    for n in range(UNCONFIRMED_MAX + 20):
        sock = served.client(f"127.1.{n // 256}.{n % 256}")
        packet, _ = served.ask(sock, b"file", SIZE)
        assert isinstance(packet, OptionAck)
    assert served.engine.stats()["active"] <= UNCONFIRMED_MAX
    assert served.get(served.client("127.2.0.1"), b"file", SIZE) == FILE


def test_T4_a_request_from_a_service_that_answers_anything_is_dropped(known):
    served = known().served
    sock = served.client("127.0.0.77", 1900)
    assert served.ask(sock, b"file", SIZE) == (None, None)


# The decision


CAME = Arrival(1, "192.0.2.1")


def question(data=b"\0\1file\0octet\0"):
    return Question(data, understand(data), CAME, 7)


def ask(recall, blob, data=b"\0\1file\0octet\0"):
    return recall.recipe(question(data), blob, 69, b"")


@pytest.fixture
def recall(root):
    return Recall(Directory(root).path_of, lambda: 10**18 * 2)


@pytest.fixture
def blob(root):
    fd = os.open(root / "file", os.O_RDONLY)
    blob = Blob.from_fd(fd)
    yield blob
    blob.close()


def test_the_first_time_nothing_is_kept(recall, blob):
    assert ask(recall, blob) is None
    kept = ask(recall, blob)
    assert (kept.name, kept.came, kept.content.size) == ("file", CAME, 1700)


def test_ever_new_requests_are_never_kept_and_do_not_fill_memory(recall, blob):
    for n in range(2 * KEPT):
        assert ask(recall, blob, b"\0\1file\0octet\0tsize\0%d\0" % n) is None
    assert len(recall._came) == KEPT


def test_bytes_and_long_requests_are_not_kept(recall, blob):
    data = b"\0\1file\0octet\0" + b"x\0y\0" * 200
    for _ in range(3):
        assert ask(recall, Blob.from_bytes(b"bytes")) is None
        assert ask(recall, blob, data) is None


def test_a_file_that_has_just_changed_is_not_kept(root, blob, monkeypatch):
    monkeypatch.setattr(recall_module, "SETTLED_NS", 2 * 10**9)
    changed = os.stat(root / "file").st_ctime_ns
    now = [changed + 10**9]
    recall = Recall(Directory(root).path_of, lambda: now[0])
    assert [ask(recall, blob) for _ in range(3)] == [None] * 3
    now[0] = changed + 3 * 10**9
    assert ask(recall, blob) is not None


def test_a_path_that_leads_elsewhere_by_now_is_not_kept(recall, root, blob):
    write(root / "new", FILE)
    os.replace(root / "new", root / "file")
    assert [ask(recall, blob) for _ in range(3)] == [None] * 3
