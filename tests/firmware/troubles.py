"""Networks in which a machine does not boot, and some in which nothing is wrong.

Each has a letter, by which tests and the recordings in `tests/recorded` call it:

    a   the router says "PXEClient" in option 60, and no more
    b   nobody gives addresses
    c   port 4011 of the boot server is blocked
    d   the ports that files leave from are blocked, as by NAT
    e   there is no boot program for this architecture
    f   two proxies name different boot programs
    g   HTTP of the boot server cannot be reached
    h   the router names a boot file of its own
    i   nothing is wrong: firmware asks for a file's size before it loads it
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers import need, need_file

from .network import PREFIX, ROUTER, SERVER, Namespace, Network

PXE_CLIENT = "dhcp-option-force=60,PXEClient"
"""The line of dnsmasq's settings that keeps UEFI machines from every proxy."""

RIVAL = PREFIX + "4"
"""The address of the second proxy."""

RIVAL_SETTINGS = (
    *("--conf-file=/dev/null", "--keep-in-foreground", "--user=root", "--group=root"),
    *("--port=0", "--interface=eth0", "--bind-interfaces", "--log-facility=-"),
    f"--dhcp-range={PREFIX}0,proxy",
    "--pxe-service=x86PC,other,other",  # it appends ".0"
    "--pxe-service=x86-64_EFI,other,other.efi",
)
"""dnsmasq as a proxy, which names files that nobody has."""

VISITOR = PREFIX + "9"
"""The address of a machine that just looks."""

BIOS_PROGRAM = ("/usr/lib/ipxe/undionly.kpxe", "ipxe")

DATA_PORTS = ("1024-4010", "4012-65535")
"""Every port that a TFTP server's files may leave from."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A network.

    Attributes:
        words: What is wrong with it.
        router: Lines of the router's settings; None where there is no router.
        flags: More flags for the boot server.
        blocked: Rules of nftables for what the segment does not pass on.
        rival: Whether there is a second proxy, which is faster.
        bios_only: Whether the boot server has a boot program for BIOS alone.
    """

    words: str
    router: tuple[str, ...] | None = ()
    flags: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    rival: bool = False
    bios_only: bool = False


TROUBLES: dict[str, Trouble] = {
    "a": Trouble("the router says PXEClient, and no more", (PXE_CLIENT,)),
    "b": Trouble("nobody gives addresses", router=None),
    "c": Trouble("port 4011 is blocked", blocked=("udp dport 4011 drop",)),
    "d": Trouble(
        "the ports that files leave from are blocked",
        blocked=tuple(
            f"ip saddr {SERVER} udp sport {ports} drop" for ports in DATA_PORTS
        ),
    ),
    "e": Trouble("there is no boot program for UEFI", bios_only=True),
    "f": Trouble("two proxies disagree", rival=True, flags=("--dhcp-delay", "0.5")),
    "g": Trouble("HTTP cannot be reached", blocked=("tcp dport 80 drop",)),
    "h": Trouble(
        "the router names a boot file of its own",
        (
            "dhcp-option-force=option:bootfile-name,of-the-router.efi",
            f"dhcp-option-force=option:tftp-server,{ROUTER}",
        ),
    ),
    "i": Trouble("nothing is wrong"),
}


def doctor(space: Namespace, *arguments: str) -> dict[str, Any]:
    """What `fastboot doctor --json` says where this is run."""
    command = [sys.executable, "-m", "fastboot", "doctor", "--json", *arguments]
    done = subprocess.run(
        space.inside(*command), capture_output=True, text=True, timeout=120
    )
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1), done
    return told


class TroubledNetwork(Network):
    """A network with something wrong in it.

    Args:
        folder: Where logs are written.
        trouble: What is wrong.
    """

    def __init__(self, folder: Path, trouble: Trouble) -> None:
        settings = trouble.router or ()
        options = [f"--{line}" for line in settings]
        super().__init__(folder, *options, router=trouble.router is not None)
        self.flags = trouble.flags
        self._folder = folder
        self._trouble = trouble
        if trouble.bios_only:
            self.flags += ("--boot-programs", str(self._bios_only()))

    def _bios_only(self) -> Path:
        programs = self._folder / "programs"
        programs.mkdir()
        shutil.copy(need_file(*BIOS_PROGRAM), programs)
        return programs

    def join_server(self) -> Namespace:
        """See `Network.join_server`; whatever is wrong comes with it."""
        if self._trouble.blocked:
            self._block(*self._trouble.blocked)
        if self._trouble.rival:
            command = self.join("rival", RIVAL).inside(need("dnsmasq"), *RIVAL_SETTINGS)
            self._run(command, self._folder / "rival.log")
        return super().join_server()

    def doctor(self, *arguments: str) -> dict[str, Any]:
        """What `fastboot doctor --json` says, on a machine of its own."""
        return doctor(self.join("visitor", VISITOR), *arguments)

    def _block(self, *rules: str) -> None:
        """Have the segment drop what these rules of nftables say."""
        hook = "{ type filter hook forward priority 0 ; }"
        lines = [
            "add table bridge blocked",
            f"add chain bridge blocked passing {hook}",
            *(f"add rule bridge blocked passing {rule}" for rule in rules),
        ]
        command = self.segment.inside(need("nft"), "-f", "-")
        text = "\n".join(lines) + "\n"
        subprocess.run(command, input=text.encode(), check=True, timeout=30)
