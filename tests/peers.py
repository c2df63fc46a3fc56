"""The real programs that fastboot is tried against, and what to do without them.

A test asks for what it needs; where that is missing the test is skipped and says which
Debian package brings it. With FASTBOOT_TEST_REQUIRE_PEERS=1 it fails instead, so that a
machine that is meant to run every test cannot leave some out unnoticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

PACKAGES = {
    "aria2c": "aria2",
    "chromium": "chromium",
    "atftp": "atftp",
    "bash": "bash",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "curl": "curl",
    "dhcpd": "isc-dhcp-server",
    "dhcrelay": "isc-dhcp-relay",
    "dhclient": "isc-dhcp-client",
    "dhcpcd": "dhcpcd-base",
    "dnsmasq": "dnsmasq-base",
    "fish": "fish",
    "grub-mkimage": "grub-common",
    "grub-mkrescue": "grub-common",
    "ip": "iproute2",
    "kea-dhcp4": "kea-dhcp4-server",
    "man": "man-db",
    "mandoc": "mandoc",
    "mformat": "mtools",
    "mkimage": "u-boot-tools",
    "nft": "nftables",
    "nsenter": "util-linux",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "in.tftpd": "tftpd-hpa",
    "systemd-analyze": "systemd",
    "systemd-socket-activate": "systemd",
    "tcpdump": "tcpdump",
    "tftp": "tftp-hpa",
    "tshark": "tshark",
    "openssl": "openssl",
    "unshare": "util-linux",
    "wget": "wget",
    "xorriso": "xorriso",
    "zsh": "zsh",
}
"""The Debian package of each program."""

SYSTEM = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Folders with programs for root, which are not on everyone's PATH."""


def need(program: str) -> str:
    """The path of a program named in `PACKAGES`, or the end of the test."""
    path = shutil.which(program) or shutil.which(program, path=SYSTEM)
    if path is None:
        _without(f"{program} is missing: apt-get install {PACKAGES[program]}")
    return path


def need_file(path: str | Path, package: str) -> Path:
    """The path of a file that `package` installs, or the end of the test."""
    if not Path(path).is_file():
        _without(f"{path} is missing: apt-get install {package}")
    return Path(path)


def need_unpacked(program: str, package: str) -> str:
    """A program of a Debian package that cannot be installed beside another one.

    It is unpacked into build/peers, once.
    """
    folder = Path(__file__).parent.parent / "build" / "peers" / package
    target = folder / program
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unpack = f"apt-get download {package} && dpkg -x {package}_*.deb ."
        done = subprocess.run(
            unpack, shell=True, cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or not target.exists():
            _without(f"{package} cannot be fetched: {done.stderr.strip()[-200:]}")
    return str(target)


def need_static_busybox() -> Path:
    """A busybox that runs without any library, or the end of the test."""
    path = Path(need("busybox"))
    if b"/ld-linux" in path.read_bytes()[:4096]:  # the ELF header names its loader
        _without(f"{path} needs libraries: apt-get install busybox-static")
    return path


def need_root() -> None:
    """End the test unless root runs it."""
    if os.geteuid() != 0:
        _without("needs root")


def _without(reason: str) -> NoReturn:
    if os.environ.get("FASTBOOT_TEST_REQUIRE_PEERS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
