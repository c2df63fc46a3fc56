"""A provisioning service: each machine that is known gets a script of its own.

python examples/provisioning.py examples/hosts.toml examples/images
"""

import argparse
import asyncio
import tomllib
from pathlib import Path

import fastboot
from fastboot import events

SCRIPT = """#!ipxe
kernel /{image}/linux hostname={name} {arguments}
initrd /{image}/initrd
boot
"""


def provisioning(hosts: dict[str, dict[str, str]], folder: Path) -> fastboot.App:
    """The service for these hosts, by their MAC."""
    app = fastboot.App(folder)
    known = {fastboot.Mac(mac): host for mac, host in hosts.items()}

    @app.get("boot.ipxe")
    def first(request: fastboot.Request) -> str:
        return "#!ipxe\nchain hosts/${net0/mac:hexhyp}.ipxe\n"

    @app.get("hosts/{mac}.ipxe")
    async def script(request: fastboot.Request, mac: fastboot.Mac) -> str:
        return SCRIPT.format_map(known[mac]) if mac in known else "#!ipxe\nexit\n"

    @app.on(events.Finished, events.Fault)
    def tell(event: fastboot.Event) -> None:
        print(event, flush=True)

    return app


async def main() -> None:
    """Read the command line, and serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("hosts", type=Path, help="a TOML file")
    parser.add_argument("folder", type=Path, help="kernels and initrds")
    parser.add_argument("--tftp", type=int, default=6969)
    parser.add_argument("--http", type=int, default=8080)
    parser.add_argument("--dhcp", choices=("off", "proxy"), default="off")
    given = parser.parse_args()
    app = provisioning(tomllib.loads(given.hosts.read_text()), given.folder)
    tftp, http, dhcp = given.tftp, given.http, given.dhcp
    async with fastboot.serve(app, tftp=tftp, http=http, dhcp=dhcp) as server:
        print(server.port("tftp"), server.port("http"), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
