"""`fastboot doctor`: why will this machine not boot?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fastboot.listen import is_privileged
from fastboot.settings import settings

from .flags import CONFIG, configure, option

USUAL = ("bios", "uefi", "uefi-http", "ipxe")
"""The machines that are played where none is named."""

MACHINES = (*USUAL, "arm64", "arm64-http", "raspberry-pi")
"""All that can be played; `doctor.machines.KINDS`, which is not read for a flag's
sake."""

WAIT = 4.0
"""Seconds to listen for offers: `doctor.ask.WAIT`."""

_HELP = """Tell what machines on this network will do when they boot, and why.

\b
Examples:
  sudo fastboot doctor ./images     would machines boot from this folder?
  sudo fastboot doctor              what does this network tell machines to boot?
  sudo fastboot doctor --machine arm64 --machine raspberry-pi ./images
  sudo fastboot doctor --json ./images

It plays machines: on each interface it asks as a BIOS, a UEFI, a UEFI that boots by
HTTP and an iPXE would, takes no address, hears every server's offer and works out what
the firmware makes of them all, with fastboot's own offer: as it runs here, or as it
would if it ran with the same flags. It asks for the size of each file that machines
would load. Then it tells what will not boot, what the machine's screen shows, and what
to change, line by line for the DHCP servers that people have.

It asks over IPv4, and takes about ten seconds; over IPv6 it asks as UEFI does, too, and
tells of other servers' boot files there. Without root it can only look at this machine,
not ask the network. The exit code is 0 if everything boots, 1 if something does not, 2
if the question itself is wrong.

--json prints one object: ok, folder, running, machines (interface, machine, boots,
steps, why, screen), findings (severity, what, where, stage, code, cure, machines,
recipes), offers (interface, machine, server, source, port, address, next_server, file,
options in hex) and offers_ipv6 (interface, machine, server, address, vendor, url).
"""

_SETTINGS = {
    ("", "interface"),
    ("boot", "programs"),
    ("dhcp", "mode"),
    ("dhcp", "allow"),
    ("http", "port"),
    ("http", "enabled"),
    ("tftp", "enabled"),
}
"""The settings that change what machines are told."""

_MEANS = {"interface": "Ask on this interface only; may be given again."}
"""What a setting means here, where that is not what it means to serving."""


def doctor_command() -> click.Command:
    """`fastboot doctor`, as click sees it."""

    def examine(
        folder: str | None,
        config: Path | None,
        machine: tuple[str, ...],
        *,
        as_json: bool,
        wait: float,
        **flags: Any,  # noqa: ANN401
    ) -> int:
        # What only this command needs is imported for it alone.
        from fastboot.doctor.examine import Wish
        from fastboot.doctor.machines import KINDS
        from fastboot.doctor.run import run

        settled = configure(folder or ".", config, flags)
        privileged = is_privileged()
        kinds = [KINDS[name] for name in machine or USUAL]
        wish = Wish(
            # What root would open is what machines ask for, whoever asks us.
            config=settled.resolved(privileged=True),
            folder=folder is not None,
            kinds=kinds,
            privileged=privileged,
            wait=wait,
        )
        return run(wish, json_wanted=as_json)

    return click.Command(
        "doctor",
        help=_HELP,
        callback=examine,
        params=[
            click.Argument(["folder"], required=False, envvar="FASTBOOT_FOLDER"),
            CONFIG,
            click.Option(
                ["--machine"],
                type=click.Choice(MACHINES),
                multiple=True,
                help="Play this kind of machine; may be given again.  "
                f"[default: {' '.join(USUAL)}]",
            ),
            click.Option(
                ["--wait"],
                type=click.FloatRange(0.1, 60),
                default=WAIT,
                show_default=True,
                help="Seconds to listen for offers.",
            ),
            click.Option(["--json", "as_json"], is_flag=True, help="For programs."),
            *(
                option(item, _MEANS.get(item.name, ""))
                for item in settings()
                if (item.part, item.name) in _SETTINGS
            ),
        ],
    )
