"""Raspberry Pis: how they are known, and where their files are."""

import pytest

from fastboot.boot.raspberry import OUIS, find_firmware, is_raspberry
from fastboot.errors import NotFound
from fastboot.tree import Client, Directory

ANYONE = bytes.fromhex("525400000007")


@pytest.mark.parametrize("oui", sorted(OUIS))
def test_each_of_their_prefixes_is_known(oui):
    assert is_raspberry(oui + b"\1\2\3", b"")


@pytest.mark.parametrize(
    ("machine_id", "known"),
    [
        (b"\0RPi4" + bytes(12), True),
        (b"\0RPi5" + bytes(12), True),
        (b"\0RPix" + bytes(12), False),
        (b"\0RPi4", False),
        (bytes(17), False),
        (b"", False),
    ],
)
def test_their_number_makes_them_known_with_any_card(machine_id, known):
    assert is_raspberry(ANYONE, machine_id) is known


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["config.txt"], "config.txt"),
        (["bootcode.bin"], "bootcode.bin"),
        (["0a1b2c3d/start4.elf"], "0a1b2c3d/start4.elf"),
        (["dc-a6-32-01-34-56/config.txt"], "dc-a6-32-01-34-56/config.txt"),
        (["debian/config.txt", "start4.elf.old", "0a1b2c3/start4.elf"], None),
        ([], None),
    ],
)
def test_their_firmware_is_at_the_root_or_in_a_folder_of_theirs(names, found):
    assert find_firmware(names) == found


def test_a_folder_without_their_serial_number_sends_them_to_the_root(tmp_path):
    """They ask for `<serial>/start4.elf` first, and at the root once it is not found."""
    (tmp_path / "start4.elf").write_bytes(b"root")
    (tmp_path / "11111111").mkdir()
    (tmp_path / "11111111" / "start4.elf").write_bytes(b"its own")
    folder, pi = Directory(tmp_path), Client("192.0.2.50", "tftp")
    try:
        assert folder.open("11111111/start4.elf", pi).read(0, 10) == b"its own"
        with pytest.raises(NotFound):
            folder.open("22222222/start4.elf", pi)
        assert folder.open("start4.elf", pi).read(0, 10) == b"root"
    finally:
        folder.close()
