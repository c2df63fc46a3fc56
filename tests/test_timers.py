"""Deadlines by key."""

from hypothesis import given
from hypothesis import strategies as st

from fastboot.timers import Timers


def test_nothing_is_due_before_its_time():
    timers = Timers()
    timers.set("a", 5.0)
    assert timers.due(4.9) == []
    assert timers.due(5.0) == ["a"]
    assert timers.due(99.0) == []


def test_a_deadline_may_move_in_both_directions():
    timers = Timers()
    timers.set("a", 5.0)
    timers.set("a", 9.0)
    timers.set("a", 3.0)
    assert timers.due(3.0) == ["a"]
    assert timers.due(20.0) == []


def test_a_forgotten_key_is_never_due():
    timers = Timers()
    timers.set("a", 5.0)
    timers.forget("a")
    timers.forget("b")
    assert timers.due(9.0) == []


def test_keys_that_come_and_go_leave_nothing_behind():
    timers = Timers()
    for n in range(100_000):
        timers.set(n, 75.0)
        timers.forget(n)
    assert len(timers._heap) < 1000


steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 5), st.integers(0, 50)),
        st.tuples(st.just("forget"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("due"), st.just(0), st.integers(0, 10)),
    )
)


@given(steps)
def test_it_is_a_dictionary_of_deadlines_whatever_is_done_to_it(steps):
    timers, model, now = Timers(), {}, 0
    for step, key, value in steps:
        if step == "set":
            timers.set(key, now + value)
            model[key] = now + value
        elif step == "forget":
            timers.forget(key)
            model.pop(key, None)
        else:
            now += value
            due = {key for key, at in model.items() if at <= now}
            assert set(timers.due(now)) == due
            for key in due:
                del model[key]
            assert not model or timers.next <= min(model.values())
