"""`fastboot leases` as a program."""

import json
import time
from contextlib import closing
from ipaddress import IPv4Address

import pytest

from command import complaint, run
from fastboot.commands.leases import state
from fastboot.dhcp.database import Database, read
from fastboot.dhcp.leases import Lease, State

NOW = time.time()
DAY = 86_400
"""Seconds; the tests may come long after this was read."""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "leases.sqlite"
    with closing(Database(path)) as database:
        database.save(
            [
                lease(100, b"\1", "bee"),
                lease(101, b"\2", "", expires=NOW - 60),
                lease(102, b"\3", "[red]ant", State.RELEASED),
                Lease(address(103), b"", b"", State.CONFLICT, NOW, NOW + 60),
            ]
        )
    return path


def address(last):
    return IPv4Address(f"192.0.2.{last}")


def lease(last, client, name, found=State.BOUND, expires=NOW + DAY):
    mac = bytes.fromhex("5254000000") + client
    return Lease(address(last), client, mac, found, NOW, expires, name)


def test_leases_are_a_table(file):
    done = run("leases", "--lease-file", file)
    assert (done.returncode, done.stderr) == (0, "")
    head, *rows = [line.split()[:4] for line in done.stdout.splitlines()]
    assert head == ["address", "MAC", "name", "state"]
    assert rows == [
        ["192.0.2.100", "52:54:00:00:00:01", "bee", "active"],
        ["192.0.2.101", "52:54:00:00:00:02", "expired", rows[1][3]],
        ["192.0.2.102", "52:54:00:00:00:03", "[red]ant", "released"],
        ["192.0.2.103", "conflict", rows[3][2], rows[3][3]],
    ]


def test_leases_are_json_for_programs(file):
    done = run("leases", "--json", "--lease-file", file)
    first = json.loads(done.stdout.splitlines()[0])
    assert first == {
        "address": "192.0.2.100",
        "mac": "52:54:00:00:00:01",
        "client": "01",
        "iaid": 0,
        "hostname": "bee",
        "state": "active",
        "began": round(NOW),
        "expires": round(NOW + DAY),
    }
    assert len(done.stdout.splitlines()) == 4


@pytest.mark.parametrize(
    "which", ["192.0.2.100", "52:54:00:00:00:01", "52-54-00-00-00-01"]
)
def test_a_lease_is_released_by_its_address_or_its_mac(file, which):
    done = run("leases", "--lease-file", file, "release", which)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "released 192.0.2.100 (bee)\n"
    assert read(file)[0].state is State.RELEASED


@pytest.mark.parametrize("which", ["192.0.2.7", "52:54:00:00:00:99"])
def test_what_has_no_lease_is_said(file, which):
    line = complaint("leases", "--lease-file", file, "release", which)
    assert f"{which} has no lease in" in line


def test_what_is_no_address_is_said(file):
    line = complaint("leases", "--lease-file", file, "release", "bee")
    assert "'bee' is no address: give one such as" in line


def test_no_leases_are_no_error(tmp_path):
    path = tmp_path / "leases.sqlite"
    Database(path).close()
    done = run("leases", "--lease-file", path)
    assert done.returncode == 0
    assert done.stdout.replace("\n", "") == f"no leases in {path}"


def test_a_file_that_is_not_there_is_named(tmp_path):
    line = complaint("leases", "--lease-file", tmp_path / "none")
    assert f"there are no leases in {tmp_path / 'none'}" in line


def test_the_file_may_stand_in_the_settings(file, tmp_path):
    config = tmp_path / "boot.toml"
    config.write_text(f'[lease]\nfile = "{file}"\n')
    done = run("leases", "--config", config)
    assert "192.0.2.100" in done.stdout
    done = run("leases", env={"FASTBOOT_LEASE_FILE": str(file)})
    assert "192.0.2.100" in done.stdout


@pytest.mark.parametrize(
    ("found", "left", "word"),
    [
        (State.BOUND, 1, "active"),
        (State.BOUND, -1, "expired"),
        (State.CONFLICT, -1, "conflict"),
    ],
)
def test_a_state_is_a_word(found, left, word):
    assert state(lease(1, b"\1", "", found, NOW + left), NOW) == word
