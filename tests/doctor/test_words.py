"""What is printed, and what programs read."""

import json
import re

from documents import README
from fastboot.doctor.facts import Reach, Reached
from fastboot.doctor.finding import Finding, Severity
from fastboot.doctor.findings import findings
from fastboot.doctor.run import show
from fastboot.doctor.words import as_json, finding_lines, rows, servers, step_words
from fastboot.firmware.decision import LoadTftp, ShowMenu
from models.offers import NOW, OTHER, OURS, PXE, ROUTER, named, proxy, router

from .test_findings import GOOD, facts

ALONE = {"uefi": (router(PXE), proxy(PXE))}


def test_a_short_table_where_all_is_well(capsys):
    assert show(facts(), json_wanted=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["interface", *["eth0"] * 4, "All"]
    assert lines[-1] == "All will boot."


def test_what_is_wrong_comes_with_what_to_do(capsys):
    assert show(facts(ALONE, silent=[ROUTER]), json_wanted=False) == 1
    out = capsys.readouterr().out
    assert out.startswith("error: eth0: UEFI: 192.168.1.1 sends option 60 without 43")
    assert "\n  the screen shows: PXE-E16: No valid offer received.\n" in out
    assert "\n  do: remove option 60 at 192.168.1.1\n" in out
    assert "remove: dhcp-option=60,PXEClient\n" in out
    assert 'heard on eth0: 192.168.1.1 gives addresses, option 60 "PXEClient"' in out


def test_the_readme_shows_what_is_said():
    both = {"bios": ALONE["uefi"], **ALONE}
    (finding,) = findings(facts(both, silent=[ROUTER]))
    text = README.read_text("utf-8")
    shown = re.findall(r"^    (error: .*\n(?:    .*\n)+)", text, re.MULTILINE)
    lines = [line.removeprefix("    ") for line in shown[0].splitlines()]
    assert lines == list(finding_lines(finding))[: len(lines)]


def test_what_machines_will_do():
    assert list(rows(facts())) == [
        ("eth0", "BIOS", "loads undionly.kpxe from 192.168.1.10 by TFTP"),
        ("eth0", "UEFI", "loads ipxe.efi from 192.168.1.10 by TFTP"),
        ("eth0", "UEFI HTTP boot", "loads http://192.168.1.10:8080/ipxe.efi"),
        ("eth0", "iPXE", "loads http://192.168.1.10/boot.ipxe"),
    ]
    (row,) = rows(facts(ALONE, silent=[ROUTER]))
    assert row[2] == "does not boot (PXE-E16)"


def test_each_server_is_listed_with_what_decides():
    other = proxy(PXE, NOW, named(b"other\x1b[2J"), server=OTHER)
    (line,) = servers(facts({"uefi": (other, GOOD["uefi"][1])}))
    assert line == (
        'eth0: 192.168.1.20 option 60 "PXEClient", option 43, boot file '
        '"other\\x1b[2J", server 192.168.1.20'
    )


def test_two_screens_take_two_lines():
    finding = Finding(Severity.ERROR, "it", "eth0", "file", "A / B", "do so")
    assert list(finding_lines(finding)) == [
        "error: eth0: it",
        "  the screen shows: A",
        "  or: B",
        "  do: do so",
    ]


def test_the_object_for_programs(capsys):
    seen = facts(ALONE, silent=[ROUTER])
    assert show(seen, json_wanted=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told == as_json(seen, findings(seen))
    offers = {"offers", "offers_ipv6"}
    assert set(told) == {"ok", "folder", "running", "machines", "findings", *offers}
    assert told["ok"] is False
    assert told["machines"] == [
        {
            "interface": "eth0",
            "machine": "uefi",
            "boots": False,
            "steps": [
                "takes the address 192.168.1.50 from 192.168.1.1",
                "asks 192.168.1.1 on port 4011",
            ],
            "why": told["findings"][0]["what"],
            "screen": "PXE-E16: No valid offer received.",
        }
    ]
    assert set(told["findings"][0]) == {
        *("severity", "what", "where", "stage", "code", "cure", "machines", "recipes")
    }
    assert told["offers"][0]["options"]["60"] == b"PXEClient".hex()
    assert told["offers"][0]["address"] == "192.168.1.50"


def test_what_each_step_is_called():
    assert step_words(LoadTftp(OTHER, "")) == (
        "loads its own files from 192.168.1.20 by TFTP"
    )
    assert step_words(ShowMenu(OTHER)) == "shows the menu of 192.168.1.20"


def test_a_file_from_elsewhere_and_one_that_does_not_come():
    elsewhere = (router(), proxy(PXE, NOW, named(b"x"), server=OTHER))
    (row,) = rows(facts({"bios": elsewhere}))
    assert row[2] == "loads x from 192.168.1.20 by TFTP, not from here"
    load = LoadTftp(OURS, "undionly.kpxe")
    gone = {load: Reached(Reach.SILENT)}
    (row,) = rows(facts({"bios": GOOD["bios"]}, reached=gone))
    assert row[2].endswith("by TFTP, which fails")


def test_a_plain_router_gives_addresses():
    (line,) = servers(facts({"uefi": (router(),)}))
    assert line == "eth0: 192.168.1.1 gives addresses"
