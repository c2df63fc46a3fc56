"""Which boot file a machine is given."""

import pytest

from fastboot.boot.choose import Answer, Missing, Site, choose
from fastboot.boot.machine import Firmware, Machine

MAC = "52:54:00:00:00:07"
BIOS = Machine(MAC, (0,))
UEFI = Machine(MAC, (7,))
HTTP = Machine(MAC, (16,), Firmware.HTTP)
IPXE = Machine(MAC, (7,), Firmware.IPXE, ipxe_http=True)
OLD_IPXE = Machine(MAC, (0,), Firmware.IPXE)  # of a network card, without HTTP
RASPBERRY_PI = Machine(MAC, (0,), Firmware.RASPBERRY_PI)
U_BOOT = Machine(MAC, (22,), Firmware.U_BOOT)


def site(**changes):
    programs = {
        "bios": "undionly.kpxe",
        "efi": "ipxe.efi",
        "u-boot": "boot.scr.uimg",
        "raspberry-pi": "config.txt",
    }
    return Site(
        **{
            "folder": "images",
            "program": lambda arch: programs.get(arch.platform),
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("machine", "answer"),
    [
        (BIOS, Answer("undionly.kpxe")),
        (UEFI, Answer("ipxe.efi")),
        (HTTP, Answer("ipxe.efi", 80)),
        (IPXE, Answer("boot.ipxe", 80)),
        (OLD_IPXE, Answer("undionly.kpxe")),
        (RASPBERRY_PI, Answer("")),
        (U_BOOT, Answer("boot.scr.uimg")),
    ],
)
def test_each_kind_of_firmware_is_answered_in_its_way(machine, answer):
    assert choose(machine, site()) == answer


@pytest.mark.parametrize(("machine", "name"), [(HTTP, "ipxe.efi"), (IPXE, "boot.ipxe")])
def test_machines_are_sent_to_https_where_that_is_wanted(machine, name):
    answer = choose(machine, site(http_port=8443, secure=True))
    assert answer.location("192.0.2.2") == f"https://192.0.2.2:8443/{name}"
    answer = choose(machine, site(http_port=443, secure=True))
    assert answer.location("192.0.2.2") == f"https://192.0.2.2/{name}"
    assert choose(BIOS, site(secure=True)).location("192.0.2.2") == "undionly.kpxe"


def test_ipxe_gets_its_script_over_tftp_where_there_is_no_http():
    assert choose(IPXE, site(http_port=None)) == Answer("boot.ipxe")


def test_ipxe_gets_its_script_over_http_where_there_is_no_tftp():
    assert choose(IPXE, site(tftp=False)) == Answer("boot.ipxe", 80)


def test_an_ipxe_without_http_that_was_given_a_program_gets_its_script_over_tftp():
    assert choose(OLD_IPXE, site(), chained=True) == Answer("boot.ipxe")


def test_an_ipxe_without_http_gets_its_script_where_no_program_is_better():
    none = site(program=lambda arch: None)
    assert choose(OLD_IPXE, none) == Answer("boot.ipxe")
    assert choose(OLD_IPXE, site(http_port=None)) == Answer("boot.ipxe")


@pytest.mark.parametrize(
    ("machine", "changes", "reason"),
    [
        (OLD_IPXE, {"tftp": False}, "without HTTP"),
        (HTTP, {"http_port": None}, "HTTP is off"),
        (UEFI, {"tftp": False}, "TFTP on port 69 is off"),
        (BIOS, {"program": lambda arch: None}, "put undionly.kpxe into images"),
        (HTTP, {"program": lambda arch: None}, "for UEFI HTTP x86-64"),
        (Machine(MAC, (2,)), {}, "known for Itanium"),
        (RASPBERRY_PI, {"tftp": False}, "TFTP on port 69 is off"),
        (RASPBERRY_PI, {"program": lambda arch: None}, "put its files into images"),
    ],
)
def test_what_is_missing_is_told(machine, changes, reason):
    answer = choose(machine, site(**changes))
    assert isinstance(answer, Missing)
    assert reason in answer.reason


def test_the_program_is_looked_for_anew_each_time():
    found = []
    where = site(program=lambda arch: found[-1] if found else None)
    assert isinstance(choose(UEFI, where), Missing)
    found.append("snponly.efi")
    assert choose(UEFI, where) == Answer("snponly.efi")


@pytest.mark.parametrize(
    ("answer", "server", "location"),
    [
        (Answer("ipxe.efi"), "192.0.2.2", "ipxe.efi"),
        (Answer("a b.efi"), "192.0.2.2", "a b.efi"),  # TFTP quotes nothing
        (Answer("boot.ipxe", 80), "192.0.2.2", "http://192.0.2.2/boot.ipxe"),
        (Answer("boot.ipxe", 81), "192.0.2.2", "http://192.0.2.2:81/boot.ipxe"),
        (Answer("boot.ipxe", 80), "fd00::2", "http://[fd00::2]/boot.ipxe"),
        (Answer("x/a b?#%.efi", 80), "h", "http://h/x/a%20b%3F%23%25.efi"),
        (Answer("\udcff.efi", 80), "h", "http://h/%FF.efi"),
    ],
)
def test_a_location_is_what_firmware_can_use(answer, server, location):
    assert answer.location(server) == location
