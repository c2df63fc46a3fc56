"""What this machine has to serve with, and what it would answer."""

from pathlib import Path

import pytest

from fastboot.boot.choose import Answer, Missing
from fastboot.config import (
    BootConfig,
    Config,
    DhcpConfig,
    HttpConfig,
    HttpsConfig,
    TftpConfig,
)
from fastboot.dhcp.proxy import Proxy
from fastboot.doctor import local
from fastboot.doctor.machines import KINDS, USUAL
from fastboot.doctor.ourselves import would_answer
from fastboot.errors import ConfigError
from fastboot.firmware.decision import AskBootServer, LoadTftp, LoadUrl
from fastboot.listen import Place, udp
from models.offers import OURS, router


@pytest.fixture
def folder(tmp_path):
    """A folder with an entry, and programs for BIOS and x86-64."""
    head = bytearray(b"MZ".ljust(0x40, b"\0"))
    head[0x3C] = 0x40  # where the PE header is
    (tmp_path / "ipxe.efi").write_bytes(bytes(head) + b"PE\0\0" + b"\x64\x86")
    (tmp_path / "undionly.kpxe").write_bytes(b"program")
    (tmp_path / "tool.ipxe").write_bytes(b"#!ipxe\n")
    return tmp_path


def config(folder, mode="proxy", **parts):
    parts = {
        "tftp": TftpConfig(port=69),
        "http": HttpConfig(port=80),
        "dhcp": DhcpConfig(mode=mode),
        "boot": BootConfig(programs=()),
        **parts,
    }
    return Config(folder, **parts)


def test_what_there_is_to_boot(folder):
    stock = local.stock(config(folder), [*USUAL, KINDS["arm64"]])
    assert stock.answers["bios"] == Answer("undionly.kpxe")
    assert stock.answers["uefi"] == Answer("ipxe.efi")
    assert stock.answers["uefi-http"] == Answer("ipxe.efi", 80)
    assert stock.answers["ipxe"] == Answer("boot.ipxe", 80)
    assert isinstance(stock.answers["arm64"], Missing)
    assert stock.entries > 0


def test_a_folder_that_is_not_there():
    with pytest.raises(ConfigError):
        local.stock(config(Path("/nowhere")), USUAL)


def test_an_interface_that_is_not_there():
    with pytest.raises(ConfigError, match="there is no interface nope0; there are"):
        local.cards(["nope0"])


def test_ports_that_are_free_and_one_that_is_not(folder):
    free = config(
        folder,
        "off",
        tftp=TftpConfig(port=0),
        http=HttpConfig(port=0),
    )
    assert list(local.ports(free)) == []


def test_every_port_that_machines_ask_on_is_looked_at(folder, monkeypatch):
    opened = []

    class Opened:
        def close(self):
            pass

    def open_port(place, number, protocol, **_):
        opened.append((place.address, number, protocol))
        return Opened()

    both = Place("0.0.0.0"), Place("::")
    monkeypatch.setattr(local, "everywhere", lambda: both)
    monkeypatch.setattr(local, "udp", open_port)
    monkeypatch.setattr(local, "tcp", open_port)
    secure = HttpsConfig(enabled=True, port=443)
    assert not [
        port for port in local.ports(config(folder, https=secure)) if port.problem
    ]
    assert opened == [
        ("0.0.0.0", 67, "DHCP"),
        ("::", 547, "DHCPv6"),
        ("0.0.0.0", 4011, "DHCP"),
        ("0.0.0.0", 69, "TFTP"),
        ("0.0.0.0", 80, "HTTP"),
        ("0.0.0.0", 443, "HTTPS"),
    ]


def test_a_port_of_dhcpv6_that_is_taken_is_told_with_what_to_do(folder):
    with udp(Place("::"), 0, "DHCPv6") as taken, pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "DHCPV6_PORT", taken.getsockname()[1])
        found = {port.protocol: port.problem for port in local.ports(config(folder))}
    assert found["DHCPv6"].endswith("stop it or use --no-dhcp-ipv6")


def decide(kind, mode, folder, *others):
    kind = KINDS[kind]
    stock = local.stock(config(folder, mode), [kind])
    mine = would_answer(Proxy(stock.site), mode, kind, OURS, order=len(others))
    return kind.firmware.decide([*others, *mine])


@pytest.mark.parametrize(
    ("kind", "load"),
    [
        ("bios", LoadTftp(OURS, "undionly.kpxe")),
        ("uefi", LoadTftp(OURS, "ipxe.efi")),
        ("uefi-http", LoadUrl("http://192.168.1.10/ipxe.efi")),
        ("ipxe", LoadUrl("http://192.168.1.10/boot.ipxe")),
    ],
)
@pytest.mark.parametrize("mode", ["proxy", "server"])
def test_every_kind_of_machine_would_boot_from_us(kind, mode, load, folder):
    others = [router()] if mode == "proxy" else []
    assert decide(kind, mode, folder, *others).load == load


def test_on_port_4011_alone_we_answer_whoever_is_sent_to_us(folder):
    from fastboot.dhcp.options import Code

    sent = router((Code.VENDOR_CLASS, b"PXEClient"), siaddr=OURS)
    decision = decide("uefi", "boot-server", folder, sent)
    assert decision.steps[1:] == (AskBootServer(OURS), LoadTftp(OURS, "ipxe.efi"))


def test_switched_off_we_answer_nobody(folder):
    assert decide("uefi", "off", folder, router()).load is None
