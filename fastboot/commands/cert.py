"""`fastboot cert`: what machines must be told in order to trust us."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from fastboot import certificates
from fastboot.errors import ConfigError
from fastboot.listen import is_privileged
from fastboot.settings import settings

from .flags import CONFIG, configure, option

_HELP = """Show what machines must be told in order to trust us over HTTPS.

\b
Examples:
  fastboot cert                                what to enrol in UEFI and in iPXE
  fastboot cert --https-name boot.lab.example  with one more name for this server
  sudo fastboot serve ./images --https         serves with those certificates

The certificates are made if they are not there yet, in the folder that
`fastboot serve --https` uses; give the same flags to both.
"""


def cert_command() -> click.Command:
    """`fastboot cert`, as click sees it."""
    return click.Command(
        "cert",
        help=_HELP,
        callback=_cert,
        params=[
            CONFIG,
            *(
                option(item)
                for item in settings()
                if item.part == "https" or item.name in ("interface", "address")
            ),
        ],
    )


def _cert(config: Path | None, **flags: Any) -> int:  # noqa: ANN401
    settled = configure(".", config, flags)
    privileged = is_privileged()
    settled = settled.resolved(privileged=privileged)
    if settled.https.certificate:
        given = " and ".join(map(str, settled.https.certificate))
        raise ConfigError(
            f"{given} is given with --https-certificate: what machines must trust is "
            "the authority that signed it, which fastboot does not know"
        )
    click.echo(certificates.instructions(settled, datetime.now(UTC)), nl=False)
    return 0
