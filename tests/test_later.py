"""`Later`: what an engine asked for comes back once, or is cleaned up."""

import pytest

from fastboot.errors import Unavailable
from fastboot.later import Later
from fastboot.tree import Blob


class Content(Blob):
    """Content that knows whether it was closed."""

    def __init__(self):
        super().__init__(size=1, etag='"x"', data=b"x")
        self.closed = False

    def close(self):
        self.closed = True


class Desk:
    """A `Later` and the driver that works for it, all in one hand."""

    def __init__(self):
        self.woken = 0
        self.done = {}
        self.cancelled = []
        self.later = Later(self.wake, patience=7.0)
        self.later.run_by(self.work)

    def wake(self):
        self.woken += 1

    def work(self, awaitable, seconds, done):
        assert seconds == 7.0
        self.done[awaitable] = done
        return lambda: self.cancelled.append(awaitable)


@pytest.fixture
def desk():
    return Desk()


def test_an_answer_wakes_the_engine_and_is_handed_over_once(desk):
    desk.later.ask("key", "question")
    assert desk.later.answers() == []
    content = Content()
    desk.done["question"](content)
    assert desk.woken == 1
    assert desk.later.answers() == [("key", content)]
    assert desk.later.answers() == []
    assert len(desk.later) == 0


def test_what_it_raised_is_an_answer(desk):
    desk.later.ask("key", "question")
    error = KeyError("x")
    desk.done["question"](error)
    assert desk.later.answers() == [("key", error)]


def test_what_is_forgotten_is_cancelled_and_its_content_closed(desk):
    desk.later.ask("key", "question")
    desk.later.forget("key")
    assert desk.cancelled == ["question"]
    content = Content()
    desk.done["question"](content)
    assert desk.later.answers() == []
    assert content.closed


def test_what_comes_after_the_end_is_closed_at_once(desk):
    desk.later.ask("key", "question")
    desk.later.close()
    content = Content()
    desk.done["question"](content)
    assert content.closed
    assert desk.woken == 0


def test_what_came_and_was_not_fetched_before_the_end_is_closed(desk):
    desk.later.ask("key", "question")
    content = Content()
    desk.done["question"](content)
    desk.later.close()
    assert content.closed


def test_asking_anew_under_a_key_forgets_the_old_question(desk):
    desk.later.ask("key", "old")
    desk.later.ask("key", "new")
    old, new = Content(), Content()
    desk.done["old"](old)
    desk.done["new"](new)
    assert desk.later.answers() == [("key", new)]
    assert old.closed


def test_without_a_driver_there_is_no_answer_and_nothing_is_left_unawaited(desk):
    async def question():
        raise AssertionError("never run")

    desk.later.run_by(None)
    desk.later.ask("key", question())  # would warn when it is collected
    ((key, answer),) = desk.later.answers()
    assert key == "key"
    assert isinstance(answer, Unavailable)


def test_when_the_driver_leaves_what_is_awaited_is_unavailable(desk):
    desk.later.ask("key", "question")
    desk.later.run_by(None)
    assert desk.cancelled == ["question"]
    ((key, answer),) = desk.later.answers()
    assert key == "key"
    assert isinstance(answer, Unavailable)
    late = Content()
    desk.done["question"](late)
    assert desk.later.answers() == []
    assert late.closed
