"""What the doctor makes of facts, sentence by sentence; no socket is opened."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from fastboot.doctor.facts import Facts, Port, Reach, Reached, Segment
from fastboot.doctor.finding import Severity
from fastboot.doctor.findings import findings, will_boot
from fastboot.doctor.outlook import outlooks
from fastboot.firmware.decision import LoadTftp, LoadUrl
from models.offers import (
    DNS,
    HTTP,
    NOW,
    OTHER,
    OURS,
    PI,
    PXE,
    ROUTER,
    boot_server,
    named,
    proxy,
    router,
)

URL = b"http://192.168.1.10:8080/ipxe.efi"
SCRIPT = b"http://192.168.1.10/boot.ipxe"

GOOD = {
    "bios": (router(), proxy(PXE, NOW, named(b"undionly.kpxe"))),
    "uefi": (router(), proxy(PXE), boot_server(PXE, named(b"ipxe.efi"))),
    "uefi-http": (router(), proxy(HTTP, named(URL))),
    "ipxe": (router(), proxy(PXE, file=SCRIPT)),
}


def facts(heard=None, silent=(), **changes):
    segment = Segment(
        "eth0",
        OURS,
        IPv4Network("192.168.1.0/24"),
        heard=GOOD if heard is None else heard,
        silent=frozenset(silent),
    )
    changes = {"entries": 1, "segments": (segment,), **changes}
    return Facts("/srv/images", own=frozenset({OURS}), **changes)


def only(found):
    (finding,) = found
    return finding


def test_nothing_is_found_where_all_is_well():
    well = facts()
    assert findings(well) == []
    assert all(will_boot(look, well) for look in outlooks(well))


def test_a_router_with_option_60_alone():
    alone = {"bios": (router(PXE), proxy(PXE)), "uefi": (router(PXE), proxy(PXE))}
    finding = only(findings(facts(alone, silent=[ROUTER])))
    assert finding.severity is Severity.ERROR
    assert finding.what == (
        "192.168.1.1 sends option 60 without 43, so the machine asks it on port 4011 "
        "and ignores every proxy, where nobody answers"
    )
    assert finding.where == "eth0"
    assert finding.stage == "boot server"
    assert finding.machines == ("BIOS", "UEFI")
    assert "PXE-E16" in finding.code
    assert "PXE-E55" in finding.code
    assert finding.cure == "remove option 60 at 192.168.1.1"
    lines = {recipe.product: recipe.lines for recipe in finding.recipes}
    assert "remove: dhcp-option=60,PXEClient" in lines["dnsmasq"]
    assert lines["Windows"][0] == (
        "run: Remove-DhcpServerv4OptionValue -ScopeId 192.168.1.0 -OptionId 60"
    )
    assert set(lines) == {
        *("dnsmasq", "Kea", "ISC dhcpd", "OPNsense", "pfSense", "MikroTik", "Windows")
    }


def test_nobody_gives_addresses():
    heard = {name: messages[1:] for name, messages in GOOD.items()}
    finding = only(findings(facts(heard)))
    assert finding.what == "no DHCP server gives machines an address"
    assert finding.stage == "address"
    assert finding.machines == ("BIOS", "UEFI", "UEFI HTTP boot", "iPXE")
    assert "fastboot serve --dhcp server" in finding.cure


def test_nobody_answers_at_all():
    finding = only(findings(facts({"uefi": ()})))
    assert finding.code == "PXE-E18: Server response timeout."
    assert "cable" in finding.cure


def test_our_own_port_4011_is_blocked():
    heard = {"uefi": GOOD["uefi"][:2]}
    finding = only(findings(facts(heard, silent=[OURS])))
    assert finding.code == "PXE-E16: No valid offer received."
    assert "ufw allow 67,4011/udp" in finding.cure


def test_port_4011_of_another_proxy_is_silent():
    heard = {"uefi": (router(), proxy(PXE, server=OTHER))}
    finding = only(findings(facts(heard, silent=[OTHER])))
    assert finding.cure.startswith("let UDP through to port 4011 of 192.168.1.20")


def test_a_boot_program_is_missing():
    reason = "no boot program for UEFI x86: put ipxe.efi into /srv/images"
    finding = only(findings(facts({"uefi": (router(),)}, missing={"uefi": reason})))
    assert finding.what == "no boot program for UEFI x86"
    assert finding.cure == "put ipxe.efi into /srv/images"
    assert finding.where == "/srv/images"
    assert finding.machines == ("UEFI",)


def test_another_proxy_is_heeded_instead():
    heard = {
        "uefi": (
            router(),
            proxy(PXE, NOW, named(b"other.efi"), server=OTHER),
            proxy(PXE, order=2),
        )
    }
    finding = only(findings(facts(heard)))
    assert finding.severity is Severity.ERROR
    assert "boots from there, not what fastboot offers" in finding.what
    assert finding.cure.startswith("stop the boot service at 192.168.1.20")


def test_another_proxy_that_is_not_heeded_is_a_warning():
    rival = proxy(PXE, server=OTHER, order=5)
    heard = {"bios": (*GOOD["bios"], rival)}
    finding = only(findings(facts(heard)))
    assert finding.severity is Severity.WARNING
    assert finding.what.startswith("192.168.1.20 names boot files, too")


def test_a_router_with_a_file_of_its_own_beside_ours():
    lease = router(named(b"own.efi"), siaddr=ROUTER)
    heard = {"uefi": (lease, *GOOD["uefi"][1:])}
    assert findings(facts(heard)) == []  # a proxy goes before it


def test_a_router_with_a_file_of_its_own_alone():
    lease = router(file=b"own.ipxe", siaddr=ROUTER)
    load = LoadTftp(ROUTER, "own.ipxe")
    gone = {load: Reached(Reach.NOT_FOUND, "no such file")}
    finding = only(findings(facts({"ipxe": (lease,)}, reached=gone)))
    assert finding.what == (
        '192.168.1.1 names "own.ipxe", which has no such file (no such file)'
    )
    assert finding.code == "No such file or directory"
    assert finding.cure.startswith("remove the boot file (option 67)")


@pytest.mark.parametrize(
    ("kind", "load", "reached", "what", "code", "cure"),
    [
        (
            "bios",
            LoadTftp(OURS, "undionly.kpxe"),
            Reached(Reach.SILENT, "no answer"),
            "undionly.kpxe from 192.168.1.10 by TFTP does not come: no answer",
            "PXE-E32: TFTP open timeout.",
            "ufw allow 69/udp",
        ),
        (
            "uefi",
            LoadTftp(OURS, "ipxe.efi"),
            Reached(Reach.NOT_FOUND, "no such file"),
            "ipxe.efi from 192.168.1.10 by TFTP is not there: no such file",
            "PXE-E23: Client received TFTP error from server.",
            "see whether the file is in the folder",
        ),
        (
            "uefi-http",
            LoadUrl(URL.decode()),
            Reached(Reach.SILENT, "Connection refused"),
            f"{URL.decode()} does not come: Connection refused",
            (
                "Error: Could not retrieve NBP file size from HTTP server. "
                "Error: Unexpected network error."
            ),
            "ufw allow 8080/tcp",
        ),
    ],
)
def test_our_file_does_not_come(kind, load, reached, what, code, cure):
    found = findings(facts({kind: GOOD[kind]}, reached={load: reached}))
    finding = only(found)
    assert (finding.what, finding.code) == (what, code)
    assert cure in finding.cure


def test_a_file_that_is_there_is_no_finding():
    load = LoadTftp(OURS, "undionly.kpxe")
    there = {load: Reached(Reach.THERE, size=74_000)}
    assert findings(facts({"bios": GOOD["bios"]}, reached=there)) == []


def test_a_url_with_a_name_and_no_dns_server():
    heard = {"uefi-http": (router(), proxy(HTTP, named(b"http://boot.example/x.efi")))}
    finding = only(findings(facts(heard)))
    assert finding.cure.startswith("write the address into the URL")
    assert "dhcp-option=option:dns-server,192.168.1.1" in str(finding.recipes)


def test_without_a_folder_any_server_will_do():
    heard = {"uefi-http": (router(DNS, HTTP, named(b"http://192.168.1.20/x.efi")),)}
    seen = replace(facts(heard), folder="", entries=None)
    assert findings(seen) == []
    (look,) = outlooks(seen)
    assert will_boot(look, seen)


def test_without_a_folder_a_network_that_boots_nothing_is_an_error():
    seen = replace(facts({"uefi": (router(),)}), folder="", entries=None)
    finding = only(findings(seen))
    assert finding.cure.startswith("start `sudo fastboot serve`")


def test_what_cannot_be_known_without_asking_is_a_warning():
    finding = only(findings(facts({"uefi": GOOD["uefi"][:2]})))
    assert finding.severity is Severity.WARNING
    assert "what it answers is not known" in finding.what


@pytest.mark.parametrize(
    ("reached", "cure"),
    [
        (Reached(Reach.SILENT), "at 192.168.1.20, let UDP from port 69"),
        (Reached(Reach.NOT_FOUND), "at 192.168.1.20, see whether the file"),
    ],
)
def test_without_a_folder_a_file_that_does_not_come_is_its_servers_affair(
    reached, cure
):
    direct = proxy(PXE, NOW, named(b"x.efi"), server=OTHER)
    load = {LoadTftp(OTHER, "x.efi"): reached}
    seen = facts({"uefi": (router(), direct)}, reached=load)
    finding = only(findings(replace(seen, folder="", entries=None)))
    assert finding.cure.startswith(cure)


def test_a_raspberry_pi_that_nobody_greets():
    finding = only(findings(facts({"raspberry-pi": (router(),)})))
    assert finding.code == ""
    assert finding.machines == ("Raspberry Pi",)
    greeted = (router(), proxy(PXE, PI))
    assert findings(facts({"raspberry-pi": greeted})) == []


@pytest.mark.parametrize(
    ("changes", "what", "cure"),
    [
        (
            {"folder_problem": "cannot serve /srv/images: not there; name a folder"},
            "cannot serve /srv/images: not there",
            "name a folder",
        ),
        (
            {"privileged": False, "ports": (Port("TFTP", 69, "not permitted; x"),)},
            "only root can ask the network as machines do",
            "sudo fastboot doctor",
        ),
        (
            {
                "ports": (
                    Port("DHCP", 67, "DHCP cannot listen: dnsmasq has it; stop it"),
                )
            },
            "DHCP cannot listen: dnsmasq has it",
            "stop it",
        ),
        ({"entries": 0}, "the menu has no entries", "linux and initrd"),
        ({"segments": ()}, "no interface has an IPv4 address", "ip address"),
        ({"mode": "off"}, "fastboot answers no DHCP client", "--dhcp off"),
    ],
)
def test_what_is_wrong_with_this_machine(changes, what, cure):
    finding = only(findings(facts(**changes)))
    assert finding.what.startswith(what)
    assert cure in finding.cure
    assert finding.stage == "setup" or "entries" in changes


def test_a_network_that_cannot_be_asked_is_a_warning():
    problem = "DHCP cannot listen on eth0: not permitted; run as root"
    segment = Segment("eth0", OURS, IPv4Network("192.168.1.0/24"), problem)
    finding = only(findings(facts(segments=(segment,))))
    assert finding.severity is Severity.WARNING
    assert (finding.what, finding.cure) == (
        "DHCP cannot listen on eth0: not permitted",
        "run as root",
    )


def other_network(heard, name="docker0"):
    network = IPv4Network("172.17.0.0/16")
    return Segment(name, network[1], network, heard=heard)


def test_a_network_without_a_router_beside_one_with_a_router_is_left_out():
    nobody = {name: messages[1:] for name, messages in GOOD.items()}
    seen = facts(segments=(*facts().segments, other_network(nobody)))
    finding = only(findings(seen))
    assert finding.severity is Severity.NOTE
    assert (finding.where, finding.stage) == ("docker0", "address")
    assert finding.cure.endswith("--interface docker0")
    assert {look.segment.interface for look in outlooks(seen)} == {"eth0"}


def test_a_network_that_was_named_is_not_left_out():
    nobody = {"uefi": GOOD["uefi"][1:]}
    seen = facts(segments=(*facts().segments, other_network(nobody)), named=True)
    finding = only(findings(seen))
    assert (finding.severity, finding.where) == (Severity.ERROR, "docker0")


def test_two_that_give_addresses():
    heard = {
        "uefi": (router(), router(PXE, NOW, named(b"x"), server=OURS, siaddr=OURS))
    }
    finding = only(findings(facts(heard, mode="server", running=True)))
    assert finding.what.startswith("192.168.1.1 gives addresses, as fastboot does")
    assert "--dhcp proxy" in finding.cure


def test_the_worst_comes_first():
    heard = {"bios": (*GOOD["bios"], proxy(PXE, server=OTHER, order=5)), "uefi": ()}
    found = findings(facts(heard, mode="off"))
    assert [finding.severity for finding in found] == list(Severity)
