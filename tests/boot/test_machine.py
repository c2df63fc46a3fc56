"""Who asks: the table of architectures, and a machine's facts."""

import pytest

from fastboot.boot.machine import ARCHES, BIOS, Firmware, Machine, arch_of


@pytest.mark.parametrize(
    ("codes", "platform", "cpu", "http"),
    [
        ((0,), "bios", "i386", False),
        ((6,), "efi", "i386", False),
        ((7,), "efi", "x86_64", False),
        ((9,), "efi", "x86_64", False),  # "EBC", which x86-64 firmware sends
        ((10,), "efi", "arm", False),
        ((11,), "efi", "arm64", False),
        ((15,), "efi", "i386", True),
        ((16,), "efi", "x86_64", True),
        ((17,), "efi", "x86_64", True),
        ((19,), "efi", "arm64", True),
        ((20,), "bios", "i386", True),
        ((27,), "efi", "riscv64", False),
        ((28,), "efi", "riscv64", True),
        ((39,), "efi", "loongarch64", False),
        ((40,), "efi", "loongarch64", True),
        ((2,), "other", "ia64", False),
        ((21,), "u-boot", "arm", False),
        ((22,), "u-boot", "arm64", False),
        ((24,), "u-boot", "arm64", True),
        ((41,), "raspberry-pi", "arm64", False),
    ],
)
def test_an_architecture_tells_what_fits(codes, platform, cpu, http):
    arch = Machine("52:54:00:00:00:07", codes).arch
    assert (arch.platform, arch.cpu, arch.http) == (platform, cpu, http)


def test_every_registered_code_is_in_the_table():
    assert set(ARCHES) == {*range(0x2A), 0xFFFF}


def test_a_machine_that_tells_no_architecture_is_a_bios():
    assert arch_of(()) == BIOS


def test_the_first_known_architecture_of_a_list_counts():
    assert arch_of((0x7777, 11, 7)).words == "UEFI ARM64"


def test_an_unknown_architecture_is_named_by_its_number():
    arch = arch_of((0x7777,))
    assert (arch.words, arch.platform) == ("architecture 30583", "other")


def test_a_raspberry_pi_is_no_bios_whatever_it_says():
    arch = Machine("dc:a6:32:00:00:07", (0,), Firmware.RASPBERRY_PI).arch
    assert (arch.words, arch.platform) == ("Raspberry Pi", "raspberry-pi")
