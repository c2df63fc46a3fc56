"""A run that is kept waits for a machine without other work, and not for ever."""

import pytest


@pytest.fixture
def machine():
    """The module under test; importing it needs conftest's path."""
    from benches import machine

    return machine


def test_a_quiet_machine_is_not_waited_for(machine, capsys):
    assert machine.quiet(load=lambda: 0.2, sleep=pytest.fail) == 0.2
    assert capsys.readouterr().err == ""


def test_a_busy_machine_is_waited_for_until_it_is_quiet(machine, capsys):
    loads, slept = iter([3.0, 1.1, 0.4]), []
    assert machine.quiet(load=lambda: next(loads), sleep=slept.append) == 0.4
    assert slept == [machine.LOOK] * 2
    assert capsys.readouterr().err.splitlines() == [
        "this machine is busy (load 3.0): 120 s at most for quiet"
    ]


def test_one_that_stays_busy_is_measured_all_the_same_and_its_load_told(machine):
    slept = []
    assert machine.quiet(load=lambda: 2.0, sleep=slept.append) == 2.0
    assert sum(slept) == machine.PATIENCE
