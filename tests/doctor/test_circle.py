"""iPXE that is given itself is found; what only looks so is not."""

from dataclasses import replace

import pytest

from fastboot.doctor.facts import Reach, Reached
from fastboot.doctor.finding import Severity
from fastboot.doctor.findings import findings, will_boot
from fastboot.doctor.outlook import outlooks
from fastboot.firmware.decision import LoadTftp
from models.offers import HTTP, OTHER, OURS, PXE, ROUTER, named, proxy, router

from .test_findings import GOOD, SCRIPT, facts, only


def to_all(name, **fields):
    """A router that names one file, whoever asks."""
    lease = (router(file=name, **{"siaddr": OTHER, **fields}),)
    return {"bios": lease, "uefi": lease, "ipxe": lease}


def network(heard, **changes):
    """A network that is judged as it is: no folder was named."""
    return replace(facts(heard, **changes), folder="", entries=None)


@pytest.mark.parametrize(
    "name", [b"ipxe.efi", b"x86/snponly.efi", b"undionly.kpxe", b"IPXE-x86_64.EFI"]
)
def test_a_router_that_names_ipxe_to_firmware_and_to_ipxe_is_told_of(name):
    seen = network(to_all(name))
    finding = only(findings(seen))
    assert finding.severity is Severity.WARNING
    assert finding.what == (
        f'192.168.1.1 names "{name.decode()}" to BIOS and UEFI and to iPXE alike: iPXE '
        "loads itself again and again, unless it has a script built in"
    )
    assert (finding.where, finding.stage) == ("eth0", "file")
    assert finding.machines == ("iPXE",)
    assert all(will_boot(look, seen) for look in outlooks(seen))  # it may be built so


def test_its_cure_is_there_for_each_product():
    finding = only(findings(network(to_all(b"ipxe.efi"))))
    assert finding.cure.startswith("have 192.168.1.1 name a script to iPXE")
    assert {recipe.product for recipe in finding.recipes} == {
        *("dnsmasq", "Kea", "ISC dhcpd", "OPNsense", "pfSense", "MikroTik", "Windows")
    }
    lines = {recipe.product: recipe.lines for recipe in finding.recipes}
    assert (
        "run: add the line dhcp-boot=tag:ipxe,http://192.168.1.10/boot.ipxe"
        in lines["dnsmasq"]
    )
    assert "-ScopeId 192.168.1.0 -PolicyName iPXE" in lines["Windows"][2]


def test_a_router_that_names_our_own_ipxe_to_all_is_told_of():
    """Next-server is ours, and we answer no DHCP: the file comes, and comes again."""
    heard = to_all(b"ipxe.efi", siaddr=OURS)
    found = findings(facts(heard, mode="off", running=True))
    assert [finding.severity for finding in found] == [Severity.WARNING, Severity.NOTE]
    assert "iPXE loads itself" in found[0].what


def test_where_it_comes_from_elsewhere_than_from_us_it_is_an_error():
    found = findings(facts(to_all(b"ipxe.efi")))
    assert [finding.severity for finding in found] == [Severity.ERROR] * 2
    about = {finding.machines: finding.what for finding in found}
    assert "boots from there" in about["BIOS", "UEFI"]
    assert "iPXE loads itself" in about["iPXE",]


def test_the_url_of_ipxe_may_be_named_to_all_as_well():
    lease = (router(HTTP, named(b"http://192.168.1.20/ipxe.efi?a=b")),)
    finding = only(findings(network({"uefi-http": lease, "ipxe": lease})))
    assert "to UEFI HTTP boot and to iPXE alike" in finding.what


@pytest.mark.parametrize("name", [b"shimx64.efi", b"grubx64.efi", b"netboot.xyz.efi"])
def test_a_program_that_does_not_ask_again_is_nothing_to_tell_of(name):
    assert findings(network(to_all(name))) == []


@pytest.mark.parametrize("name", [b"boot.ipxe", b"http://192.168.1.20/ipxe/menu.php"])
def test_a_script_is_nothing_to_tell_of(name):
    heard = to_all(b"ipxe.efi") | {"ipxe": (router(file=name, siaddr=OTHER),)}
    assert findings(network(heard)) == []


def test_another_ipxe_for_ipxe_may_have_a_script_in_it():
    own = (router(file=b"own/ipxe.efi", siaddr=OTHER),)
    assert findings(network(to_all(b"ipxe.efi") | {"ipxe": own})) == []


def test_where_firmware_was_not_played_nobody_knows():
    heard = {"ipxe": to_all(b"ipxe.efi")["ipxe"]}
    assert findings(network(heard)) == []


def test_beside_our_proxy_a_router_may_name_what_it_wants():
    lease = router(file=b"ipxe.efi", siaddr=ROUTER)
    heard = {name: (lease, *messages[1:]) for name, messages in GOOD.items()}
    ours = proxy(PXE, (176, b"\1\1\1"), file=SCRIPT)
    found = findings(facts(heard | {"ipxe": (lease, ours)}))
    assert not [finding for finding in found if "itself" in finding.what]


def test_what_we_name_ourselves_is_no_circle():
    ours = (router(file=b"ipxe.efi", server=OURS, siaddr=OURS),)
    assert findings(facts({"uefi": ours, "ipxe": ours}, mode="server")) == []


def test_a_file_that_does_not_come_is_no_circle():
    gone = {LoadTftp(OTHER, "ipxe.efi"): Reached(Reach.NOT_FOUND, "no such file")}
    finding = only(findings(network(to_all(b"ipxe.efi"), reached=gone)))
    assert "is not there" in finding.what
