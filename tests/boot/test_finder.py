"""Boot programs, found in what is served."""

import queue
import threading

import pytest

from fastboot import aside
from fastboot.boot import finder as module
from fastboot.boot.finder import FRESH, Finder
from fastboot.boot.machine import ARCHES, BIOS, RASPBERRY_PI
from fastboot.boot.programs import Programs
from fastboot.crew import Crew
from fastboot.mounts import Mounts
from fastboot.tree import Directory


@pytest.fixture
def site(tmp_path):
    """A folder, what finds programs in it, and a clock."""
    folder, clock = Directory(tmp_path), [0.0]
    yield tmp_path, Finder(folder, Programs(()), lambda: clock[0]), clock
    folder.close()


def test_a_program_that_was_added_is_found_a_moment_later(site):
    folder, finder, clock = site
    assert finder(BIOS) is None
    (folder / "undionly.kpxe").write_bytes(b"program")
    clock[0] = FRESH
    assert finder(BIOS) == "undionly.kpxe"


def test_machines_that_boot_together_share_a_look(site):
    folder, finder, clock = site
    (folder / "undionly.kpxe").write_bytes(b"program")
    assert finder(BIOS) == "undionly.kpxe"
    (folder / "undionly.kpxe").unlink()
    clock[0] = FRESH / 2
    assert finder(BIOS) == "undionly.kpxe"
    clock[0] = FRESH
    assert finder(BIOS) is None


def test_a_raspberry_pi_finds_its_firmware(site):
    folder, finder, _ = site
    (folder / "0a1b2c3d").mkdir()
    (folder / "0a1b2c3d" / "config.txt").write_text("")
    assert finder(RASPBERRY_PI) == "0a1b2c3d/config.txt"


def test_u_boot_finds_its_script_before_a_program(site):
    folder, finder, clock = site
    arm64 = b"MZ".ljust(0x3C, b"\0") + b"\x40\0\0\0" + b"PE\0\0\x64\xaa"
    (folder / "snponly.efi").write_bytes(arm64)
    assert finder(ARCHES[0x16]) == "snponly.efi"
    (folder / "boot.scr").write_bytes(b"script")
    clock[0] = FRESH
    assert finder(ARCHES[0x16]) == "boot.scr"
    assert finder(ARCHES[0x15]) == "boot.scr"


def test_F6_a_folder_that_hangs_keeps_dhcp_waiting_once_and_for_a_moment(
    site, monkeypatch
):
    crew, answers, asked = Crew(), threading.Event(), queue.SimpleQueue()

    def find(trees, arch):
        asked.put(arch)
        answers.wait(20)
        return "undionly.kpxe"

    monkeypatch.setattr(aside, "crew", lambda: crew)
    monkeypatch.setattr(Mounts, "may_hang_near", lambda self, path: True)
    monkeypatch.setattr(module, "find", find)
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    _, finder, clock = site
    for _ in range(3):
        assert finder(BIOS) is None
        clock[0] += FRESH
    assert asked.get(timeout=20) == BIOS
    assert asked.empty()
    answers.set()
    while finder(BIOS) is None:
        clock[0] += FRESH
        threading.Event().wait(0.001)
    assert finder(BIOS) == "undionly.kpxe"
