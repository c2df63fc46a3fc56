"""A folder for loaders that do not come to the menu: GRUB, U-Boot, and an ISO.

All but one end in the kernel and the initrd of `image`, each with an argument of its
own by which it is known who loaded them. The names have a space and a letter that is not
ASCII, for GRUB asks for names as they are, without percent-encoding.

    boot.ipxe              what iPXE is sent to: reads rescue.iso as a disk
    rescue.iso             kernel and initrd, with GRUB for BIOS and for UEFI
    grub.efi               GRUB for UEFI, which reads grub/grub.cfg by HTTP
    boot.scr.uimg          what U-Boot asks for
    hello.efi              GRUB for UEFI, which says hello and switches off
    Dépôt Debian/          kernel and initrd
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from peers import need, need_file

from . import image
from .network import SERVER

FROM_THE_ISO = "fastboot.test=loaded-from-the-iso"
BY_GRUB = "fastboot.test=loaded-by-grub"
BY_U_BOOT = "fastboot.test=loaded-by-u-boot"

SYSTEM = "Dépôt Debian"

GRUB_FOLDER = f"(http,{SERVER})"

HELLO = "fastboot-test: hello.efi runs"
"""What hello.efi prints."""

U_BOOT = ("/usr/lib/u-boot/qemu-x86/u-boot.rom", "u-boot-qemu")
"""U-Boot in place of a PC's BIOS; the one of 64 bits cannot start a kernel."""

_PLATFORMS = {"i386-pc": "grub-pc-bin", "x86_64-efi": "grub-efi-amd64-bin"}
"""GRUB's, and the packages that bring them."""


def build(folder: Path) -> Path:
    """Fill `folder`, and return it."""
    image.build(folder)
    (folder / "debian").rename(folder / SYSTEM)
    (folder / "boot.ipxe").write_text("#!ipxe\nsanboot rescue.iso\n")
    _grub(folder)
    _hello(folder)
    _rescue(folder, folder.parent / "rescue")
    _u_boot(folder)
    return folder


def _grub(folder: Path) -> None:
    """A GRUB whose settings, kernel and initrd all come by HTTP."""
    (folder / "grub").mkdir()
    menu = _grub_menu(f"{GRUB_FOLDER}/{SYSTEM}", BY_GRUB)
    (folder / "grub" / "grub.cfg").write_text(menu)
    _grub_program(
        folder / "grub.efi",
        f"net_bootp\nconfigfile {GRUB_FOLDER}/grub/grub.cfg\n",
        *("http", "efinet", "normal", "configfile", "linux", "reboot"),
    )


def _hello(folder: Path) -> None:
    """An EFI program that needs nothing more."""
    _grub_program(folder / "hello.efi", f'echo "{HELLO}"\nhalt\n', "echo", "halt")


def _grub_program(program: Path, settings: str, *modules: str) -> None:
    """A GRUB for UEFI that begins with these settings."""
    _need_grub("x86_64-efi")
    early = program.parent.parent / f"{program.stem}.cfg"
    early.write_text(settings)
    _run(
        *(need("grub-mkimage"), "--format=x86_64-efi", "--config", early),
        *("--prefix", f"{GRUB_FOLDER}/grub", "--output", program, *modules),
    )


def _grub_menu(place: str, argument: str) -> str:
    return (
        f'linux "{place}/linux" {image.ON_SERIAL} {argument}\n'
        f'initrd "{place}/initrd.gz"\n'
        "boot\n"
        "reboot\n"  # ends a machine that could not boot
    )


def _rescue(folder: Path, root: Path) -> None:
    """An ISO that boots on BIOS (El Torito) and on UEFI, with nothing but its own."""
    (root / "boot" / "grub").mkdir(parents=True)
    for name in ("linux", "initrd.gz"):
        shutil.copyfile(folder / SYSTEM / name, root / "boot" / name)
    (root / "boot" / "grub" / "grub.cfg").write_text(_grub_menu("/boot", FROM_THE_ISO))
    for platform in _PLATFORMS:
        _need_grub(platform)
    for program in ("mformat", "xorriso"):  # which grub-mkrescue runs
        need(program)
    _run(
        *(need("grub-mkrescue"), "--output", folder / "rescue.iso"),
        *("--fonts=", "--locales=", "--themes="),
        root,
    )


def _need_grub(platform: str) -> None:
    need_file(f"/usr/lib/grub/{platform}/moddep.lst", _PLATFORMS[platform])


def _u_boot(folder: Path) -> None:
    """A script of U-Boot that loads by TFTP and starts what it has loaded.

    The addresses leave the kernel room to unpack itself.
    """
    source = folder.parent / "boot.cmd"
    source.write_text(
        f'tftpboot 0x4000000 "{SYSTEM}/linux"\n'
        f'tftpboot 0x8000000 "{SYSTEM}/initrd.gz"\n'
        f"setenv bootargs {image.ON_SERIAL} {BY_U_BOOT}\n"
        "zboot 0x4000000 - 0x8000000 ${filesize}\n"
        "reset\n"  # ends a machine that could not boot
    )
    _run(
        *(need("mkimage"), "-A", "x86", "-T", "script", "-C", "none"),
        *("-d", source, folder / "boot.scr.uimg"),
    )


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
