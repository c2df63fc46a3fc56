"""`fastboot doctor` on real networks: namespaces with dnsmasq as their router."""

import json
import subprocess
import sys
import time

import pytest

from firmware.network import PREFIX, ROUTER, SERVER, Network
from firmware.troubles import TROUBLES, TroubledNetwork
from peers import need
from serving import Serving

pytestmark = [pytest.mark.interop, pytest.mark.slow]

RIVAL = PREFIX + "4"

SOON = 30.0
"""Seconds in which dnsmasq must have opened its ports."""

CLASS_ALONE = "--dhcp-option-force=60,PXEClient"


@pytest.fixture
def images(tmp_path):
    """A folder with something to boot."""
    entry = tmp_path / "images" / "debian"
    entry.mkdir(parents=True)
    (entry / "linux").write_bytes(b"kernel")
    (entry / "initrd").write_bytes(b"initrd")
    return entry.parent


def doctor(space, *arguments):
    """What the doctor tells programs, from within a namespace."""
    command = (sys.executable, "-m", "fastboot", "doctor", "--json", "--wait", "1.5")
    done = subprocess.run(
        space.inside(*command, *map(str, arguments)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1)
    return told


def with_router(network):
    """The network, once its router gives addresses."""
    until = time.monotonic() + SOON
    while b"IP range" not in network.router_log.read_bytes():
        assert time.monotonic() < until, network.router_log.read_text()
        time.sleep(0.02)
    return network


def boots(told):
    return {item["machine"]: item["boots"] for item in told["machines"]}


def last_steps(told):
    return {item["machine"]: item["steps"][-1] for item in told["machines"]}


ALL_WELL = {
    "bios": f"loads undionly.kpxe from {SERVER} by TFTP",
    "uefi": f"loads snponly.efi from {SERVER} by TFTP",
    "uefi-http": f"loads http://{SERVER}/snponly.efi",
    "ipxe": f"loads http://{SERVER}/boot.ipxe",
}


def test_all_is_well_and_the_same_before_and_after_the_start(tmp_path, images):
    with Network(tmp_path) as network:
        server = with_router(network).join_server()
        before = doctor(server, images)
        with Serving(images, place=server.inside):
            during = doctor(server, images)
    for told, running in ((before, False), (during, True)):
        assert told["findings"] == []
        assert told["running"] is running
        assert boots(told) == dict.fromkeys(ALL_WELL, True)
        assert last_steps(told) == ALL_WELL


def test_a_router_with_option_60_alone_and_the_router_after_the_cure(tmp_path, images):
    with Network(tmp_path, CLASS_ALONE) as network:
        told = doctor(with_router(network).join_server(), images)
    assert boots(told) == {
        "bios": False,
        "uefi": False,
        "uefi-http": True,
        "ipxe": False,
    }
    finding = told["findings"][0]
    assert finding["what"].startswith(f"{ROUTER} sends option 60 without 43")
    assert finding["stage"] == "boot server"
    assert "PXE-E16" in finding["code"]
    lines = finding["recipes"]["dnsmasq"]
    assert f"remove: {CLASS_ALONE.removeprefix('--')}" in lines
    with Network(tmp_path) as network:  # without that line
        assert doctor(with_router(network).join_server(), images)["ok"]


def test_nobody_gives_addresses(tmp_path, images):
    with Network(tmp_path, router=False) as network:
        told = doctor(network.join_server(), images)
    (finding,) = told["findings"]
    assert finding["what"] == "no DHCP server gives machines an address"
    assert finding["stage"] == "address"
    assert not any(boots(told).values())


def test_another_proxy_is_named(tmp_path, images):
    with Network(tmp_path) as network:
        server = with_router(network).join_server()
        rival = network.join("rival", RIVAL)
        settings = (
            *("--conf-file=/dev/null", "--keep-in-foreground", "--user=root"),
            *("--group=root", "--port=0", "--interface=eth0", "--bind-interfaces"),
            f"--dhcp-range={PREFIX}0,proxy",
            "--pxe-service=x86PC,other,other",
        )
        with rival.running(need("dnsmasq"), *settings):
            told = {"offers": []}
            until = time.monotonic() + SOON
            while not any(item["server"] == RIVAL for item in told["offers"]):
                assert time.monotonic() < until, told
                told = doctor(server, images, "--machine", "bios")
    finding = told["findings"][0]
    assert RIVAL in finding["what"]
    assert finding["cure"].startswith(f"stop the boot service at {RIVAL}")


def test_a_list_of_machines_that_may_boot_has_not_those_that_are_played(
    tmp_path, images
):
    flags = ("--dhcp-allow", "52:54:00:12:34:56")
    with Network(tmp_path) as network:
        server = with_router(network).join_server()
        with Serving(images, *flags, place=server.inside):
            told = doctor(server, images, *flags)
    assert told["findings"] == []
    assert last_steps(told) == ALL_WELL


def test_a_network_is_judged_as_it_is_where_no_folder_is_named(tmp_path, images):
    with Network(tmp_path) as network:
        server = with_router(network).join_server()
        other = network.join("other", RIVAL)
        alone = doctor(other)
        with Serving(images, place=server.inside):
            served = doctor(other)
    assert not any(boots(alone).values())
    assert alone["findings"][0]["cure"].startswith("start `sudo fastboot serve`")
    assert served["findings"] == []
    assert last_steps(served) == ALL_WELL


def test_a_boot_program_that_is_missing_is_named(tmp_path, images):
    with TroubledNetwork(tmp_path, TROUBLES["e"]) as network:
        told = doctor(with_router(network).join_server(), images, *network.flags)
    errors = [item for item in told["findings"] if item["severity"] == "error"]
    assert [(item["what"], item["machines"]) for item in errors] == [
        ("no boot program for UEFI x86-64", ["UEFI"]),
        ("no boot program for UEFI HTTP x86-64", ["UEFI HTTP boot"]),
    ]
    assert all(item["cure"].startswith("put ipxe.efi into") for item in errors)
    assert boots(told)["bios"]
