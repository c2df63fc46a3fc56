"""`fastboot completion`: the shells themselves complete what is typed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from command import complaint, run
from fastboot.interfaces import Interfaces
from peers import need

pytestmark = pytest.mark.interop

# As bash does it on Tab: it calls what `complete` was told, with the words of the line,
# of which the last is not ended.
TAB = """
source "$1"; shift
function=$(complete -p fastboot | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
compopt() { echo "from the disk:" "$@"; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
"$function" fastboot
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def on_path(tmp_path_factory):
    """A PATH on which `fastboot` is the one that is tested."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "fastboot"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m fastboot "$@"\n')
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def completed(on_path, tmp_path_factory):
    """What bash offers after these words."""
    script = tmp_path_factory.mktemp("completion") / "fastboot"
    script.write_text(run("completion", "bash").stdout)

    def complete(*words):
        return subprocess.run(
            [need("bash"), "-c", TAB, "bash", script, "fastboot", *words],
            env={**os.environ, "PATH": on_path},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout.split("\n")[:-1]

    return complete


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["serv"], ["serve"]),
        (["serve", "--http-po"], ["--http-port"]),
        (["serve", "--dhcp", ""], ["proxy", "server", "boot-server", "off"]),
        (["serve", "--loop", "u"], ["uvloop"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["leases", "rel"], ["release"]),
        (["serve", ""], ["from the disk: -o dirnames", ""]),
        (["serve", "--tftp-uploads", ""], ["from the disk: -o default", ""]),
        (["serve", "--config", ""], ["from the disk: -o default", ""]),
    ],
)
def test_bash_completes(completed, words, offered):
    assert completed(*words) == offered


def test_bash_completes_the_names_of_interfaces(completed):
    names = [card.name for card in Interfaces().all()]
    assert completed("serve", "--interface", "") == names


@pytest.mark.parametrize(("shell", "check"), [("zsh", "-n"), ("fish", "--no-execute")])
def test_other_shells_can_read_theirs(shell, check, tmp_path):
    script = tmp_path / "completion"
    script.write_text(run("completion", shell).stdout)
    subprocess.run([need(shell), check, script], check=True)


def test_fish_completes(on_path, tmp_path):
    script = tmp_path / "fastboot.fish"
    script.write_text(run("completion", "fish").stdout)
    ask = f"source {script}; complete --do-complete 'fastboot serve --loop u'"
    done = subprocess.run(
        [need("fish"), "--no-config", "-c", ask],
        env={**os.environ, "PATH": on_path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["uvloop"]


def test_a_shell_that_is_not_known_is_one_clear_line():
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in complaint(
        "completion", "tcsh"
    )


def test_nothing_is_written_where_it_is_completed(completed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    completed("serve", "")
    assert list(Path().iterdir()) == []
