"""The file of leases: durable, shared, and set aside where it is damaged."""

import os
import random
import sqlite3
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address

import pytest

from fastboot.dhcp import database as database_module
from fastboot.dhcp.database import Database, read, release
from fastboot.dhcp.leases import Lease, State
from fastboot.errors import SetupError, StoreError

MAC = bytes.fromhex("525400000001")


def lease(number, state=State.BOUND, expires=2000.0, mac=MAC):
    address = IPv4Address(0xC0000200 + number)
    return Lease(address, b"ant", mac, state, 1000.0, expires, "ant\u00e9")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "leases.sqlite"


@pytest.fixture
def database(path):
    with closing(Database(path)) as opened:
        yield opened


def found(path):
    with closing(Database(path)) as opened:
        return list(opened.load()), opened.damage


def test_a_lease_is_there_after_the_next_start(path, database):
    database.save([lease(1), lease(2)])
    database.close()
    assert found(path) == ([lease(1), lease(2)], "")


def test_what_was_saved_is_there_although_nothing_was_closed(path, database):
    database.save([lease(1)])
    assert found(path)[0] == [lease(1)]


def test_R11_each_commit_waits_for_the_disk(database):
    ask = database._connection.execute
    assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ask("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_one_turn_is_kept_whole_or_not_at_all(path, database):
    broken = lease(2)
    object.__setattr__(broken, "client", None)
    with pytest.raises(StoreError, match="cannot keep leases in"):
        database.save([lease(1), broken])
    database.save([lease(3)])
    assert found(path)[0] == [lease(3)]


def test_R14_a_full_disk_is_an_error_and_no_damage(path, database):
    database._connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(StoreError, match="full") as caught:
        database.save(lease(number) for number in range(2000))
    assert not caught.value.damaged
    database._connection.execute("PRAGMA max_page_count = 10000")
    database.save([lease(1)])
    assert found(path)[0] == [lease(1)]


def test_a_person_releases_while_the_server_runs(path, database):
    database.save([lease(1), lease(2), lease(3, mac=b"")])
    assert database.released() == ()
    assert [item.address for item in release(path, "192.0.2.1", 1500.0)] == [
        IPv4Address("192.0.2.1")
    ]
    assert database.released() == [lease(1, State.RELEASED, 1500.0)]
    assert database.released() == ()


def test_a_mac_stands_for_all_its_leases(path, database):
    database.save([lease(1), lease(2), lease(3, mac=b"")])
    assert len(release(path, "52:54:00:00:00:01", 1500.0)) == 2
    assert release(path, "52:54:00:00:00:01", 1500.0) == ()


def test_leases_are_read_in_the_order_of_their_addresses(path, database):
    six = Lease(IPv6Address("2001:db8::1"), b"d", b"", State.BOUND, 0.0, 1.0, iaid=7)
    database.save([six, lease(10), lease(9)])
    assert read(path) == (lease(9), lease(10), six)


@pytest.mark.parametrize("ask", [read, lambda path: release(path, "192.0.2.1", 0.0)])
def test_a_file_that_is_not_there_is_not_made(path, ask):
    with pytest.raises(SetupError, match=r"cannot use the leases in .*unable to open"):
        ask(path)
    assert not path.exists()


# Damage


def kept_aside(path):
    return sorted(
        other.name for other in path.parent.iterdir() if "damaged" in other.name
    )


def test_R13_a_file_that_is_no_database_is_set_aside(path):
    path.parent.mkdir()
    path.write_bytes(b"these are no leases at all\n" * 100)
    leases, damage = found(path)
    assert leases == []
    assert "not a database" in damage
    assert "leases.sqlite.damaged1, and 0 leases were carried over" in damage
    assert kept_aside(path) == ["leases.sqlite.damaged1"]
    assert found(path) == ([], "")


def test_R13_an_earlier_damaged_file_is_not_overwritten(path):
    path.parent.mkdir()
    for _ in range(2):
        path.write_bytes(b"no leases" * 1000)
        found(path)
    assert kept_aside(path) == ["leases.sqlite.damaged1", "leases.sqlite.damaged2"]


@pytest.mark.parametrize("seed", range(20))
def test_R13_whatever_bytes_change_the_server_starts_and_invents_nothing(path, seed):
    leases = [lease(number) for number in range(250)]
    with closing(Database(path)) as database:
        database.save(leases)
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(1000):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data)
    kept, damage = found(path)
    assert {item.address for item in kept} <= {item.address for item in leases}
    assert damage or kept
    assert found(path)[1] == ""


def test_R13_what_can_be_read_is_carried_over(path):
    leases = [lease(number) for number in range(2000)]
    with closing(Database(path)) as database:
        database.save(leases)
    data = bytearray(path.read_bytes())
    data[-4096:] = bytes(4096)  # the last page
    path.write_bytes(data)
    kept, damage = found(path)
    assert f"{len(kept)} leases were carried over" in damage
    assert kept
    assert found(path) == (kept, "")


def test_R13_a_row_that_is_no_lease_is_skipped(path, database):
    database.save([lease(1), lease(2)])
    change = "UPDATE lease SET state = 'odd' WHERE address = '192.0.2.1'"
    database._connection.execute(change)
    assert found(path)[0] == [lease(2)]


def test_damage_that_shows_later_is_told_from_other_trouble(path, database):
    database.save([lease(1)])
    database.close()
    database._connection = Broken()
    with pytest.raises(StoreError, match="malformed") as caught:
        database.save([lease(2)])
    assert caught.value.damaged
    assert database.released() == ()
    database.begin_anew([lease(1), lease(2)], "malformed")
    assert "2 leases were carried over" in database.damage
    assert found(path)[0] == [lease(1), lease(2)]


class Broken:
    in_transaction = False

    def execute(self, *_):
        raise sqlite3.DatabaseError("database disk image is malformed")

    def close(self):
        pass


def test_a_file_of_a_newer_version_is_left_alone(path, database):
    database._connection.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.raises(SetupError, match="was made by a newer fastboot"):
        Database(path)
    assert kept_aside(path) == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(SetupError, match=r"cannot keep leases in .*--lease-file"):
        Database(tmp_path / "state" / "leases.sqlite")


def test_a_file_that_is_locked_is_not_damaged(path, database, monkeypatch):
    monkeypatch.setattr(database_module, "BUSY", 0.0)
    with closing(Database(path)) as second:
        database._connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as caught:
            second.save([lease(1)])
        assert not caught.value.damaged
        with pytest.raises(SetupError, match="locked"):
            Database(path)
    assert kept_aside(path) == []


def test_closing_leaks_nothing(path):
    found(path)
    before = len(os.listdir("/proc/self/fd"))
    found(path)
    assert len(os.listdir("/proc/self/fd")) == before
