"""What the doctor finds without asking anybody."""

from pathlib import Path

from fastboot.boot.choose import Site
from fastboot.boot.machine import BIOS
from fastboot.config import Config, DhcpConfig
from fastboot.doctor import local
from fastboot.doctor.standing import KEPT, Standing
from fastboot.interfaces import Interface
from models.offers import OURS


class Here:
    """A server of which things can be taken."""

    def __init__(self, monkeypatch, mode="proxy"):
        self.programs = {"i386": "undionly.kpxe", "x86_64": "ipxe.efi"}
        self.entries = ["debian"]
        self.now = 0.0
        self.cards = [Interface("eth0", 1, (OURS,), networks=(OURS,), mac=b"123456")]
        monkeypatch.setattr(local, "cards", lambda names: self.cards)
        config = Config(Path("/secret/images"), dhcp=DhcpConfig(mode=mode))
        self.standing = Standing(config, self.site, self.menu, lambda: self.now)

    def site(self):
        return Site("/secret/images", lambda arch: self.programs.get(arch.cpu))

    def menu(self):
        return self.entries


def test_nothing_where_all_is_well(monkeypatch):
    assert Here(monkeypatch).standing() == ()


def test_a_program_that_is_missing_and_no_path_of_this_machine(monkeypatch):
    here = Here(monkeypatch)
    del here.programs[BIOS.cpu]
    ((what, cure),) = here.standing()
    assert what == "no boot program for BIOS"
    assert cure.startswith("put undionly.kpxe into the folder")


def test_a_menu_without_entries(monkeypatch):
    here = Here(monkeypatch)
    here.entries = []
    ((what, _),) = here.standing()
    assert what.startswith("the menu has no entries")


def test_no_interface(monkeypatch):
    here = Here(monkeypatch)
    here.cards = []
    ((what, _),) = here.standing()
    assert what == "no interface has an IPv4 address"


def test_what_somebody_chose_needs_no_doing(monkeypatch):
    assert Here(monkeypatch, "off").standing() == ()


def test_it_looks_again_after_a_while(monkeypatch):
    here = Here(monkeypatch)
    assert here.standing() == ()
    here.entries = []
    here.now = KEPT / 2
    assert here.standing() == ()
    here.now = KEPT
    assert len(here.standing()) == 1
