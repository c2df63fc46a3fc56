"""`fastboot doctor` as a command: what it says before it asks anybody."""

import pytest

from command import complaint, run
from fastboot.commands import doctor as doctor_command
from fastboot.doctor import ask, machines


def test_the_help_teaches():
    done = run("doctor", "--help")
    assert done.returncode == 0
    for words in ("sudo fastboot doctor ./images", "--json", "exit code is 0"):
        assert words in done.stdout


@pytest.mark.parametrize(
    "flags", [("--machine", "amiga"), ("--wait", "0"), ("--wait", "61")]
)
def test_a_wrong_flag_is_one_line(flags):
    assert flags[0] in complaint("doctor", *flags)


def test_the_machines_that_can_be_named_are_those_there_are():
    assert list(doctor_command.MACHINES) == list(machines.KINDS)
    assert list(doctor_command.USUAL) == [kind.name for kind in machines.USUAL]
    assert doctor_command.WAIT == ask.WAIT
