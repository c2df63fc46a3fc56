"""Answers that threads work out."""

import threading

import pytest

from disk import PATIENCE
from fastboot import aside
from fastboot.aside import TOO_LATE, Aside, Lately, Patient
from fastboot.crew import THREADS, THREADS_MAX, WAITING_MAX, Crew
from fastboot.errors import NotFound, Unavailable
from fastboot.later import Later
from fastboot.mounts import Mounts
from fastboot.tree import Blob, Client, Function, Memory

CLIENT = Client("192.0.2.7", "http")


@pytest.fixture
def slow(monkeypatch):
    """Every file system may hang."""
    monkeypatch.setattr(Mounts, "may_hang_near", lambda self, path: True)


class Waiting:
    """Someone who waits for answers."""

    def __init__(self, patience=PATIENCE):
        self.woken = threading.Event()
        self.later = Later(self.woken.set, patience)

    def ask(self, answer):
        self.later.ask("key", answer)
        assert self.woken.wait(PATIENCE)
        self.woken.clear()
        return dict(self.later.answers())


def test_a_folder_on_a_disk_is_asked_at_once(tmp_path):
    tree = Patient(Memory({"linux": b"kernel"}), tmp_path)
    assert tree.open("linux", CLIENT).read(0, 9) == b"kernel"


@pytest.mark.usefixtures("slow")
def test_a_folder_that_may_hang_is_asked_by_a_thread(tmp_path):
    asked = []

    def content(name, client):
        asked.append(threading.current_thread())
        return b"kernel"

    answer = Patient(Function(content), tmp_path).open("linux", CLIENT)
    assert Waiting().ask(answer)["key"].read(0, 9) == b"kernel"
    assert asked != [threading.current_thread()]


@pytest.mark.usefixtures("slow")
def test_what_the_tree_raises_is_the_answer(tmp_path):
    answer = Patient(Memory({}), tmp_path).open("linux", CLIENT)
    assert isinstance(Waiting().ask(answer)["key"], NotFound)


@pytest.mark.usefixtures("slow")
def test_nobody_keeps_answers_for_a_folder_that_may_hang(tmp_path):
    assert Patient(Memory({}), tmp_path).path_of("linux") is None


@pytest.mark.usefixtures("slow")
def test_an_answer_that_comes_later_still_is_waited_for_as_ever(tmp_path):
    async def content(name, client):
        return b"kernel"

    ran = []

    def work(awaitable, seconds, done):
        ran.append(awaitable)
        try:
            next(awaitable.__await__())
        except StopIteration as result:
            done(result.value)
        return lambda: None

    waiting = Waiting()
    waiting.later.run_by(work)
    answer = Patient(Function(content), tmp_path).open("linux", CLIENT)
    assert waiting.ask(answer)["key"].read(0, 9) == b"kernel"
    assert ran


def test_F6_an_answer_that_never_comes_is_waited_for_only_so_long():
    go_on = threading.Event()
    answer = Waiting(0.05).ask(Aside(go_on.wait))["key"]
    go_on.set()
    assert isinstance(answer, Unavailable)
    assert str(answer) == TOO_LATE


def test_content_that_comes_too_late_is_closed(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    go_on, closed = threading.Event(), threading.Event()

    class Late(Blob):
        def close(self):
            closed.set()

    def work():
        go_on.wait(PATIENCE)
        return Late.from_bytes(b"x")

    forget = Aside(work).run(PATIENCE, lambda outcome: pytest.fail("nobody waits"))
    forget()
    late = Aside(work).run(0.01, lambda outcome: go_on.set())
    assert closed.wait(PATIENCE)
    late()


def test_F6_no_more_than_some_hundred_wait(monkeypatch):
    crew, go_on = Crew(), threading.Event()
    monkeypatch.setattr(aside, "crew", lambda: crew)
    begun = threading.Semaphore(0)

    def hang():
        begun.release()
        go_on.wait(PATIENCE)

    for _ in range(THREADS):
        assert crew.do(hang)
        assert begun.acquire(timeout=PATIENCE)
    assert all(crew.do(lambda: None) for _ in range(WAITING_MAX))
    assert not crew.do(lambda: None)
    assert isinstance(Waiting().ask(Aside(lambda: None))["key"], Unavailable)
    done = threading.Event()
    assert crew.do(done.set, must=True)
    go_on.set()
    assert done.wait(PATIENCE)


def test_F6_calls_that_hang_at_one_place_keep_nobody_at_another_waiting(monkeypatch):
    crew, go_on = Crew(), threading.Event()
    monkeypatch.setattr(aside, "crew", lambda: crew)
    for _ in range(THREADS + WAITING_MAX):
        assert crew.do(lambda: go_on.wait(PATIENCE), of="a mount whose server is gone")
    assert not crew.do(lambda: None, of="a mount whose server is gone")
    well = Waiting().ask(Aside(lambda: Blob.from_bytes(b"x"), "another mount"))["key"]
    assert well.read(0, 9) == b"x"
    go_on.set()


def test_F6_places_that_hang_take_no_more_threads_than_there_may_be(monkeypatch):
    crew, go_on, begun = Crew(), threading.Event(), []

    def hang():
        begun.append(threading.current_thread())
        go_on.wait(PATIENCE)

    done = [threading.Event() for _ in range(THREADS_MAX)]
    for place, event in enumerate(done):
        assert all(crew.do(hang, of=place) for _ in range(THREADS))
        assert crew.do(event.set, of=place)
    go_on.set()
    assert all(event.wait(PATIENCE) for event in done)
    assert len(begun) == THREADS_MAX * THREADS
    assert len(set(begun)) <= THREADS_MAX


@pytest.mark.usefixtures("slow")
def test_a_name_is_asked_for_where_its_file_system_is_or_else_by_itself(
    monkeypatch, tmp_path
):
    asked, slow = [], {f"{tmp_path}/nas/linux": 7}
    monkeypatch.setattr(Mounts, "slow_at", lambda self, path: slow.get(path))
    monkeypatch.setattr(Crew, "do", lambda self, job, of: asked.append(of) or True)
    patient = Patient(Memory({}), tmp_path)
    for name in ("/nas/linux", "boot.ipxe"):
        patient.open(name, CLIENT).run(PATIENCE, print)()
    assert asked == [7, "boot.ipxe"]


def test_F6_of_calls_that_hang_at_many_places_no_more_wait_than_may():
    crew, go_on = Crew(), threading.Event()
    taken = [
        crew.do(lambda: go_on.wait(PATIENCE), of=place)
        for place in range(2 * (THREADS_MAX + WAITING_MAX))
    ]
    assert sum(taken) == THREADS_MAX + WAITING_MAX
    go_on.set()


@pytest.mark.parametrize("kind", [threading.Thread, threading.Timer])
def test_R2_without_a_thread_the_answer_is_that_there_is_none(monkeypatch, kind):
    crew = Crew()
    monkeypatch.setattr(aside, "crew", lambda: crew)

    def fail(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(kind, "start", fail)
        assert isinstance(Waiting().ask(Aside(lambda: None))["key"], Unavailable)
    again = Waiting().ask(Aside(lambda: Blob.from_bytes(b"x")))["key"]
    assert again.read(0, 9) == b"x"  # once there are threads again


def test_only_engines_can_wait_for_it():
    with pytest.raises(TypeError, match="only an engine"):
        Aside(lambda: None).__await__()


def test_what_does_not_hang_is_asked_each_time(tmp_path):
    said = iter("ab")
    lately = Lately(lambda: next(said), "", tmp_path)
    assert [lately(), lately()] == ["a", "b"]


@pytest.mark.usefixtures("slow")
def test_F6_who_asks_a_folder_that_hangs_is_told_the_last_answer(monkeypatch, tmp_path):
    crew = Crew()
    monkeypatch.setattr(aside, "crew", lambda: crew)
    go_on, asked = threading.Event(), []

    def ask():
        asked.append(go_on.wait(PATIENCE))
        return "new"

    lately = Lately(ask, "first", tmp_path)
    assert [lately(), lately()] == ["first", "first"]
    go_on.set()
    while lately() == "first":
        threading.Event().wait(0.001)
    assert lately() == "new"
    assert all(asked)


@pytest.mark.usefixtures("slow")
def test_an_answer_that_fails_leaves_the_last_one(monkeypatch, tmp_path):
    monkeypatch.setattr(Crew, "do", lambda self, job, of: job() or True)
    answers = iter([lambda: "old", lambda: 1 / 0])
    lately = Lately(lambda: next(answers)(), "first", tmp_path)
    assert [lately(), lately()] == ["old", "old"]
