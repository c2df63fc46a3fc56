"""What to do so that machines trust our authority: words for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def write_instructions(
    pem: Path, der: Path, fingerprint: str, names: Sequence[str], port: int
) -> str:
    """What to enrol and where, for UEFI, for iPXE, and to try it out.

    Args:
        pem: The authority's certificate.
        der: The same as DER.
        fingerprint: Its SHA-256, in hexadecimal.
        names: The host names and addresses that the server's certificates are for.
        port: The port of HTTPS.
    """
    outside = [name for name in names if "." in name and not name.startswith("127.")]
    host = (outside or list(names))[0]
    url = f"https://{host}/" if port == 443 else f"https://{host}:{port}/"
    return f"""\
Machines trust this server over HTTPS once they know its authority:

  {pem}
  {der}  the same, as UEFI reads it
  SHA-256 {fingerprint}

UEFI   Copy {der.name} to a FAT-formatted USB stick. In the firmware's setup choose
       Device Manager, TLS Auth Configuration, Server CA Configuration, Enroll Cert,
       Enroll Cert Using File (the words differ a little), save, and restart.
       A machine in QEMU takes it by the variable TlsCaCertificate: virt-fw-vars can
       set it in a copy of OVMF's variables.
       UEFI that was built without elliptic curves needs `--https-legacy` as well: it
       says that it could not retrieve the NBP file size. Debian 12's OVMF is such a one.

iPXE   Build it with the authority inside, and HTTPS in config/general.h:
         make bin-x86_64-efi/snponly.efi CERT={pem} TRUST={pem}
       and put it in the folder that is served. On a network without the Internet
       scripts begin with `clear crosscert`, lest iPXE asks ca.ipxe.org first.
       Sources of before 2022, as Debian 12's, need `--https-legacy` as well.

Try    curl --cacert {pem} {url}_fastboot/health

The server's certificates are for {", ".join(names)}.
--https-name adds a name; nothing has to be enrolled again for it.
The key {pem.with_suffix(".key").name} signs for this server: keep it, and keep it secret.
"""
