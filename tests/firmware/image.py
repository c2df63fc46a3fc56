"""A folder that boots: Debian's kernel and an initrd of one program, built on the spot.

The initrd's init says on the console that it runs and with which command line, and
switches the machine off. That is the whole proof: the firmware found the server, took
the boot program, the kernel and the initrd from it, and the arguments arrived.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

from peers import need, need_file, need_static_busybox
from serving import Serving

from .machine import Machine

KERNEL = (
    "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/linux",
    "debian-installer-12-netboot-amd64",
)
"""A stock kernel, and the package that brings it."""

BOOT_PROGRAM = ("/usr/lib/ipxe/snponly.efi", "ipxe")
"""What UEFI machines are given first; fastboot finds it there by itself."""

MARKER = "fastboot-test: init runs with"
"""What init prints, followed by the kernel's command line."""

ON_SERIAL = "console=ttyS0 panic=-1 mitigations=off nokaslr"
"""The kernel's arguments; a panic restarts at once, which ends the machine."""

TOKEN = "fastboot.test=argument-from-the-folder"
"""An argument that only the folder's `cmdline` file knows."""

BOOT = 300.0
"""Seconds for a boot; on an idle processor it takes 20 to 60."""

INIT = f"""\
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
echo "{MARKER} $(/bin/busybox cat /proc/cmdline)"
/bin/busybox poweroff -f
"""


def build(folder: Path) -> Path:
    """Fill `folder` with one entry, "debian", and return it."""
    kernel = need_file(*KERNEL)
    entry = folder / "debian"
    entry.mkdir(parents=True)
    shutil.copyfile(kernel, entry / "linux")
    (entry / "initrd.gz").write_bytes(_initrd(folder.parent / "initrd"))
    (entry / "cmdline").write_text(f"{ON_SERIAL} {TOKEN}\n")
    return folder


def _initrd(root: Path) -> bytes:
    """A compressed cpio archive of `root`, which is made here; about 1 MB."""
    busybox = need_static_busybox()
    for name in ("bin", "dev", "proc"):  # the kernel itself makes /dev/console
        (root / name).mkdir(parents=True)
    shutil.copy(busybox, root / "bin" / "busybox")
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    names = sorted(path.relative_to(root) for path in root.rglob("*"))
    archive = subprocess.run(
        [need("cpio"), "--create", "--format=newc", "--quiet"],
        input=b"".join(os.fsencode(name) + b"\n" for name in names),
        cwd=root,
        stdout=subprocess.PIPE,
        check=True,
    )
    return gzip.compress(archive.stdout, 6, mtime=0)


def words_of_init(machine: Machine, server: Serving) -> str:
    """What init printed, once the machine is off: the kernel's command line."""
    serial = machine.wait(BOOT)
    _, marker, words = serial.partition(MARKER)
    assert marker, f"no init; the serial line:\n{serial}\n\nthe server:\n{server.log}"
    return words.split("\r\n")[0]
