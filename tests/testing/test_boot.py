"""Emulated firmware boots from a real server, and stops where real firmware stops."""

import pytest

import fastboot
from fastboot import events
from fastboot.firmware.decision import Stop, Trouble
from fastboot.testing.firmware import KINDS
from fastboot.testing.programs import efi_program
from fastboot.testing.router import Router
from fastboot.testing.server import BootServer, leases_on_loopback

EFI = efi_program("x86_64", bytes(range(256)) * 40)
BIOS = bytes(range(255, -1, -1)) * 50


@pytest.fixture
def boot_content(tmp_path):
    (tmp_path / "ipxe.efi").write_bytes(EFI)
    (tmp_path / "undionly.kpxe").write_bytes(BIOS)
    (tmp_path / "boot.ipxe").write_bytes(b"#!ipxe\n")
    (tmp_path / "start4.elf").write_bytes(b"pi firmware")
    (tmp_path / "config.txt").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("firmware", "name", "content"),
    [
        ("edk2-pxe", "ipxe.efi", EFI),
        ("edk2-http", "http://127.0.0.1:{port}/ipxe.efi", EFI),
        ("ipxe", "http://127.0.0.1:{port}/boot.ipxe", b"#!ipxe\n"),
        ("bios", "undionly.kpxe", BIOS),
        ("raspberry-pi", "start4.elf", b"pi firmware"),
    ],
)
def test_each_firmware_boots_what_is_for_it(boot_server, firmware, name, content):
    booted = boot_server.boot(firmware)
    assert booted.files == {name.format(port=boot_server.http_port): content}
    assert booted.content == content
    assert booted.screen == ""
    (offered, *_) = boot_server.wait_for(events.Offered)
    assert offered.mac == KINDS[firmware].mac
    assert boot_server.of(events.Fault) == []


def test_uefi_asks_on_port_4011_and_looks_at_the_size_first(boot_server):
    booted = boot_server.boot("edk2-pxe")
    assert [heard.port for heard in booted.heard] == [67, 67, 4011]
    assert [event.message for event in boot_server.of(events.Offered)] == [
        "offer",
        "ack",
    ]
    assert len(boot_server.wait_for(events.Probed)) == 1


def test_a_machine_may_have_a_mac_and_an_address_of_its_own(boot_server):
    router = Router(gives="127.0.0.77")
    booted = boot_server.boot("bios", mac="52-54-00-00-00-99", routers=[router])
    assert booted.content == BIOS
    assert boot_server.wait_for(events.Offered)[0].mac == "52:54:00:00:00:99"
    assert boot_server.wait_for(events.Finished)[0].client == "127.0.0.77"


def test_a_router_that_takes_the_machines_stops_uefi_as_it_stops_real_ones(boot_server):
    router = Router(options={60: b"PXEClient"})
    booted = boot_server.boot("edk2-pxe", routers=[router])
    assert booted.files == {}
    assert booted.decision.stop is Stop.NO_BOOT_SERVER
    assert booted.screen.startswith("PXE-E")
    assert booted.decision.cause.trouble is Trouble.CLASS_ALONE


def test_without_a_dhcp_server_nothing_boots(boot_server):
    booted = boot_server.boot("edk2-pxe", routers=[])
    assert booted.decision.stop is Stop.NO_ADDRESS
    assert booted.screen


def test_u_boot_heeds_the_router_alone_and_then_what_it_was_told_by_hand(
    boot_server, boot_content
):
    booted = boot_server.boot("u-boot", answer_within=0.2)
    assert booted.files == {}
    assert "TFTP error" in booted.screen
    (boot_content / "pxelinux.cfg").mkdir()
    (boot_content / "pxelinux.cfg" / "7F00").write_bytes(b"label linux\n")
    assert boot_server.boot("u-boot", answer_within=0.2).files == {
        "pxelinux.cfg/7F00": b"label linux\n"
    }
    router = Router(file="undionly.kpxe", next_server="127.0.0.1")
    assert (
        boot_server.boot("u-boot", routers=[router], answer_within=0.2).content == BIOS
    )


def test_a_file_that_is_not_there_is_on_the_screen(boot_server, boot_content):
    router = Router(file="missing", next_server="127.0.0.1")
    booted = boot_server.boot("u-boot", routers=[router], answer_within=0.2)
    assert booted.screen == "TFTP error: 'File not found' (1)"


def test_a_server_that_is_not_there_is_on_the_screen(boot_server):
    router = Router(file="undionly.kpxe", next_server="192.0.2.1")
    booted = boot_server.boot("u-boot", routers=[router], answer_within=0.2)
    assert booted.screen.startswith("Retry count exceeded")


def test_what_does_not_happen_in_time_is_told_with_what_did(boot_server):
    with pytest.raises(TimeoutError, match="0 of 1 Finished"):
        boot_server.wait_for(events.Finished, seconds=0.01)


def test_an_unknown_firmware_is_named_with_those_that_are_known(boot_server):
    with pytest.raises(ValueError, match="edk2-pxe, edk2-http, ipxe, bios"):
        boot_server.boot("coreboot")


@pytest.mark.parametrize("firmware", KINDS)
def test_where_the_server_gives_addresses_no_router_is_needed(
    boot_content, tmp_path_factory, firmware
):
    """U-Boot included, which heeds whoever gives it its address."""
    (boot_content / "snponly-arm64.efi").write_bytes(efi_program("arm64"))
    lease = fastboot.LeaseConfig(file=tmp_path_factory.mktemp("leases") / "leases.db")
    server = BootServer(boot_content, dhcp=leases_on_loopback(), lease=lease)
    with server:
        booted = server.boot(firmware, routers=[])
        assert booted.content, booted.why
        offer, ack = server.wait_for(events.Leased, 2)
        assert (offer.message, ack.message) == ("offer", "ack")
        client = server.wait_for(events.Finished)[0].client
        assert client == ack.address == "127.0.0.100"


class TestWithAnApp:
    """What an app says decides, and is told what DHCP saw."""

    @pytest.fixture
    def boot_content(self, tmp_path):
        (tmp_path / "ipxe.efi").write_bytes(EFI)
        app = fastboot.App(tmp_path)

        @app.program
        def program(machine):
            if machine.mac.endswith("99"):
                raise fastboot.Refused("it is being repaired")
            if machine.firmware is fastboot.Firmware.IPXE:
                return f"hosts/{machine.mac.replace(':', '-')}.ipxe"
            return None

        @app.get("hosts/{mac}.ipxe")
        async def script(request, mac: fastboot.Mac):
            machine = app.seen.machine(mac)
            return f"#!ipxe\necho {mac} is {machine.arch.words}\n"

        return app

    def test_a_machine_boots_what_the_app_chose(self, boot_server):
        assert boot_server.boot("edk2-pxe").content == EFI
        script = boot_server.boot("ipxe").content
        assert script == b"#!ipxe\necho 52:54:00:12:34:56 is UEFI x86-64\n"

    def test_a_machine_that_is_refused_boots_nothing(self, boot_server):
        booted = boot_server.boot("bios", mac="525400000099", answer_within=0.3)
        assert booted.files == {}
        (event,) = boot_server.wait_for(events.Unbootable)
        assert event.reason == "it is being repaired"

    def test_a_mistake_in_the_app_is_a_fault_and_the_next_machine_boots(
        self, boot_server, boot_content
    ):
        broken = []

        @boot_content.program
        def program(machine):
            if not broken:
                broken.append(machine)
                raise ZeroDivisionError

        assert boot_server.boot("edk2-pxe", answer_within=0.3).files == {}
        (fault,) = boot_server.wait_for(events.Fault)
        assert isinstance(fault.error, ZeroDivisionError)
        assert boot_server.boot("edk2-pxe").content == EFI
