"""Machines without a disk: QEMU with the firmware of a PC, on a tap of a `Network`.

The processor is emulated (`-accel tcg`), so that they run inside any virtual machine.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from peers import need, need_file

from .network import Network

OVMF_CODE = ("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf")
OVMF_VARIABLES = ("/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf")
IPXE_ROM = ("/usr/lib/ipxe/qemu/efi-virtio.rom", "ipxe-qemu")
"""Files and the packages that bring them; QEMU finds the ROM, which is for BIOS too,
by itself."""

PXE_OFF = tuple(
    word
    for version in (4, 6)
    for word in (
        "-fw_cfg",
        f"name=opt/org.tianocore/IPv{version}PXESupport,string=no",
    )
)
"""Switches of OVMF that leave HTTP as the only way to boot from the network."""


AHEAD = ("nice", "-n", "-10")
"""Machines are ahead of whatever else runs, where that is allowed: EDK2 forgets a UDP
datagram that it does not read within 50 ms, and over IPv6 it asks port 4011 only once."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """What a machine runs when it is switched on.

    Attributes:
        uefi: Whether it is OVMF; SeaBIOS otherwise.
        rom: The network card's own boot program: None is QEMU's default, an iPXE.
        memory: MiB.
        switches: More arguments for QEMU.
    """

    uefi: bool
    rom: str | None = None
    memory: int = 256
    switches: tuple[str, ...] = ()


BIOS = Firmware(uefi=False)
UEFI_PXE = Firmware(uefi=True, rom="")
UEFI_HTTP = Firmware(uefi=True, rom="", switches=PXE_OFF)


class Machine:
    """A machine that is switched on; it ends when it switches itself off.

    Args:
        network: Where its network card is plugged in.
        mac: The card's address.
        firmware: What it runs.
        folder: Where its files are kept; made here.
    """

    def __init__(
        self, network: Network, mac: str, firmware: Firmware, folder: Path
    ) -> None:
        folder.mkdir()
        self.mac = mac
        self._serial = folder / "serial.log"
        self._errors = folder / "qemu.log"
        command = network.segment.inside(
            *AHEAD,
            *self._base(firmware),
            *self._card(network.tap(), firmware),
            *(self._uefi(folder) if firmware.uefi else self._bios()),
            *firmware.switches,
        )
        with self._errors.open("wb") as errors:
            self._qemu = subprocess.Popen(command, stdout=errors, stderr=errors)

    def _base(self, firmware: Firmware) -> list[str]:
        return [
            need("qemu-system-x86_64"),
            *("-accel", "tcg", "-m", str(firmware.memory)),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-serial", f"file:{self._serial}"),
            *("-device", "virtio-rng-pci"),  # newer OVMF has no network without it
        ]

    def _card(self, tap: str, firmware: Firmware) -> list[str]:
        device = f"virtio-net-pci,netdev=net0,mac={self.mac},bootindex=0"
        if firmware.rom is None:
            need_file(*IPXE_ROM)
        else:
            device += f",romfile={firmware.rom}"
        return [
            *("-netdev", f"tap,id=net0,ifname={tap},script=no,downscript=no"),
            *("-device", device),
        ]

    def _bios(self) -> list[str]:
        return ["-machine", "pc,graphics=off"]  # SeaBIOS and iPXE write to the serial

    def _uefi(self, folder: Path) -> list[str]:
        variables = folder / "variables.fd"
        variables.write_bytes(need_file(*OVMF_VARIABLES).read_bytes())
        flash = "if=pflash,format=raw"
        return [
            *("-machine", "q35"),
            *("-drive", f"{flash},readonly=on,file={need_file(*OVMF_CODE)}"),
            *("-drive", f"{flash},file={variables}"),
        ]

    def wait(self, timeout: float) -> str:
        """Wait until it is off, `timeout` seconds at most, and return `serial`."""
        try:
            self._qemu.wait(timeout)
        except subprocess.TimeoutExpired:
            self._qemu.kill()
            self._qemu.wait()
        return self.serial

    @property
    def serial(self) -> str:
        """What it has written to its serial line so far, and QEMU's own complaints."""
        return "".join(
            path.read_text(errors="replace")
            for path in (self._errors, self._serial)
            if path.exists()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._qemu.kill()
        self._qemu.wait()
