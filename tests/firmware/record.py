"""Record what real firmware does in a network of `troubles`, for `tests/recorded`.

    sudo python -m tests.firmware.record a --seconds 90 --into tests/recorded

switches a machine of each kind on and leaves, for each, what went over the wire (DHCP,
requests of TFTP and HTTP, ICMP) as LETTER-KIND.pcap, and prints what its screen showed.
What it did is then written into `boots.toml` by hand; `tests/recorded` checks that.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # as pytest has it

from firmware import image
from firmware.machine import BIOS, UEFI_HTTP, UEFI_PXE, Machine
from firmware.troubles import TROUBLES, TroubledNetwork
from peers import need
from serving import Serving

KINDS = {"ipxe": BIOS, "edk2-pxe": UEFI_PXE, "edk2-http": UEFI_HTTP}

SHOWN = (
    "dhcp || icmp || tftp.opcode == 1 || http.request"
    " || (tcp.flags.syn == 1 && tcp.flags.ack == 0)"
)
"""tshark's filter for what tells a machine's decisions."""

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What moves a terminal's cursor, and sets its colours."""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.firmware.record")
    parser.add_argument("letter", choices=TROUBLES)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--into", type=Path, default=Path())
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        _record(arguments, Path(folder), stack)


def _record(arguments: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
    letter = arguments.letter
    images = image.build(folder / "images")
    network = stack.enter_context(TroubledNetwork(folder, TROUBLES[letter]))
    space = network.join_server()
    everything = folder / "all.pcap"
    command = ("tcpdump", "-i", "br0", "-U", "-w", str(everything), "-Z", "root", "ip")
    dump = subprocess.Popen(
        network.segment.inside(need(command[0]), *command[1:]), stderr=subprocess.PIPE
    )
    stack.callback(dump.wait)
    stack.callback(dump.send_signal, signal.SIGINT)
    assert dump.stderr
    dump.stderr.readline()  # it listens
    stack.enter_context(Serving(images, *network.flags, place=space.inside))
    machines = {
        name: stack.enter_context(
            Machine(
                network, f"52:54:00:77:{ord(letter):02x}:{n:02x}", kind, folder / name
            )
        )
        for n, (name, kind) in enumerate(KINDS.items())
    }
    time.sleep(arguments.seconds)
    for name, machine in machines.items():
        machine.wait(0)
        mine = f"(eth.addr == {machine.mac} || dhcp.hw.mac_addr == {machine.mac})"
        target = arguments.into / f"{letter}-{name}.pcap"
        command = ("-r", str(everything), "-F", "pcap", "-w", str(target))
        command += ("-Y", f"{mine} && ({SHOWN})")
        subprocess.run(
            [need("tshark"), *command], check=True, stderr=subprocess.DEVNULL
        )
        print(f"== {target}", CODES.sub("", machine.serial)[-2000:], sep="\n")


if __name__ == "__main__":
    main()
