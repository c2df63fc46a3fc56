"""Leases in a file: SQLite with a write-ahead log, synchronous.

A commit returns when the log is on the disk, so that what was committed survives the
end of the process and of the power (SQLite: "synchronous=FULL" in WAL mode). All that
was decided in one turn goes into one transaction: its price is the disk's, and many
share it. Another process may read and release meanwhile; `released` notices.

A file that is damaged is set aside under another name. What can be read of it is
carried over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from fastboot.errors import SetupError, StoreError

from .leases import Lease, State

VERSION = 1
"""Of the table, in SQLite's `user_version`; another one is not ours to touch."""

BUSY = 1.0
"""Seconds to wait for another process that is writing: a release takes milliseconds."""

_SUFFIXES = ("", "-wal", "-shm")
"""What SQLite appends to the names of a database's files."""

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS lease (
    address TEXT PRIMARY KEY,
    family INTEGER NOT NULL,  -- 4 or 6
    client BLOB NOT NULL,     -- client identifier, or DUID
    iaid INTEGER NOT NULL,    -- 0 for IPv4
    mac BLOB NOT NULL,
    state TEXT NOT NULL,
    began REAL NOT NULL,      -- seconds since 1970
    expires REAL NOT NULL,
    hostname TEXT NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""

_COLUMNS = "address, client, mac, state, began, expires, hostname, iaid"

_PUT = f"""
INSERT INTO lease ({_COLUMNS}, family) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (address) DO UPDATE SET client = excluded.client, mac = excluded.mac,
    state = excluded.state, began = excluded.began, expires = excluded.expires,
    hostname = excluded.hostname, iaid = excluded.iaid
"""  # noqa: S608 (of constants)

_ALL = f"SELECT {_COLUMNS} FROM lease"  # noqa: S608 (of constants)


_TROUBLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises; the second where damaged bytes get into its own error's text."""


class Database:
    """A `fastboot.dhcp.leases.Store` in a file.

    Args:
        path: The file; it and its folder are made where they are missing.

    Attributes:
        damage: What was wrong with the file that was found, and where it is now; ""
            where nothing was.

    Raises:
        SetupError: It cannot be opened, or was made by another version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damage = ""
        self._kept: tuple[Lease, ...] = ()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = self._open()
            except _TROUBLE as error:
                if not _is_damage(error):
                    raise
                self._replace(_salvage(path), str(error))
        except (OSError, StoreError, *_TROUBLE) as error:
            raise SetupError(
                f"cannot keep leases in {path}: {error}; choose another file with "
                "--lease-file"
            ) from error

    def _open(self) -> sqlite3.Connection:
        connection = connect(self._path)
        try:
            self._check(connection)
            connection.executescript(_SCHEMA)
            self._kept = tuple(_read(connection))
            self._seen = _version(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise SetupError(f"{self._path} was made by a newer fastboot")

    def begin_anew(self, leases: Iterable[Lease], reason: str) -> None:
        """See `Store`."""
        self.close()
        try:
            self._replace(tuple(leases), reason)
        except (OSError, *_TROUBLE) as error:
            raise StoreError(f"cannot keep leases in {self._path}: {error}") from error

    def _replace(self, leases: tuple[Lease, ...], reason: str) -> None:
        """Set the file aside, and begin a new one with these leases."""
        aside = self._set_aside()
        self._connection = self._open()
        self.save(leases)
        self._kept = leases
        self.damage = (
            f"the leases in {self._path} are damaged ({reason}): that file is now "
            f"{aside.name}, and {len(leases)} leases were carried over"
        )

    def _set_aside(self) -> Path:
        """Rename the file and those beside it, and return its new name."""
        number = 1
        while (aside := Path(f"{self._path}.damaged{number}")).exists():
            number += 1
        for suffix in _SUFFIXES:
            part = Path(f"{self._path}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        return aside

    def load(self) -> Iterable[Lease]:
        """See `Store`: the leases as they were when the file was opened."""
        kept, self._kept = self._kept, ()
        return kept

    def save(self, leases: Iterable[Lease]) -> None:
        """See `Store`."""
        rows = [
            (
                *(str(lease.address), lease.client, lease.mac, str(lease.state)),
                *(lease.began, lease.expires, lease.hostname, lease.iaid),
                lease.address.version,
            )
            for lease in leases
        ]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(_PUT, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except _TROUBLE as error:
            text = f"cannot keep leases in {self._path}: {error}"
            raise StoreError(text, damaged=_is_damage(error)) from error

    def released(self) -> Iterable[Lease]:
        """See `Store`."""
        try:
            seen = _version(self._connection)
            if seen == self._seen:
                return ()
            self._seen = seen
            return [
                lease
                for lease in _read(self._connection)
                if lease.state is State.RELEASED
            ]
        except _TROUBLE:
            return ()  # said when something has to be kept

    def close(self) -> None:
        """See `Store`; a second call does nothing."""
        self._connection.close()


def connect(path: Path, mode: str = "rwc") -> sqlite3.Connection:
    """Open a file of leases.

    Args:
        path: The file.
        mode: "rwc" makes it where it is missing, "rw" does not.

    Raises:
        sqlite3.DatabaseError: It cannot be opened, or UnicodeDecodeError.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        timeout=BUSY,
        isolation_level=None,
        uri=True,
        check_same_thread=False,  # engines are called from one thread at a time
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    """A number that changes when another process has written."""
    (number,) = connection.execute("PRAGMA data_version").fetchone()
    return int(number)


def _is_damage(error: Exception) -> bool:
    """Whether the file itself is wrong; not where it is locked, the disk full, ..."""
    return not isinstance(error, sqlite3.OperationalError)


def _read(connection: sqlite3.Connection) -> Iterator[Lease]:
    """The leases; a row that is none is skipped."""
    for row in connection.execute(_ALL):
        address, client, mac, state, began, expires, hostname, iaid = row
        try:
            yield Lease(
                ip_address(address),
                bytes(client),
                bytes(mac),
                State(state),
                float(began),
                float(expires),
                str(hostname),
                int(iaid),
            )
        except (TypeError, ValueError):
            continue


def _salvage(path: Path) -> tuple[Lease, ...]:
    """What can be read of a damaged file: nothing, as it may be, but nothing wrong."""
    kept = []
    try:
        with closing(connect(path, "rw")) as connection:
            for lease in _read(connection):
                kept.append(lease)  # noqa: PERF402 (kept even if the next one fails)
    except _TROUBLE:
        pass
    return tuple(kept)


def release(path: Path, which: str, now: float) -> tuple[Lease, ...]:
    """Release leases in a file, also while a server uses it.

    Args:
        path: The file.
        which: An address; or a hardware address, whose leases all are meant.
        now: Seconds since 1970.

    Returns:
        The leases that it released.

    Raises:
        SetupError: The file cannot be used.
    """
    try:
        with closing(connect(path, "rw")) as connection:
            connection.execute("BEGIN IMMEDIATE")
            chosen = [
                replace(lease, state=State.RELEASED, expires=min(now, lease.expires))
                for lease in _read(connection)
                if which.lower() in (str(lease.address), lease.mac.hex(":"))
                and lease.state in (State.BOUND, State.CONFLICT)
            ]
            connection.executemany(
                "UPDATE lease SET state = ?, expires = ? WHERE address = ?",
                [(str(item.state), item.expires, str(item.address)) for item in chosen],
            )
            connection.execute("COMMIT")
    except _TROUBLE as error:
        raise SetupError(f"cannot use the leases in {path}: {error}") from error
    return tuple(chosen)


def read(path: Path) -> tuple[Lease, ...]:
    """The leases in a file, in the order of their addresses.

    Raises:
        SetupError: The file cannot be used.
    """
    try:
        with closing(connect(path, "rw")) as connection:
            leases = _read(connection)
            return tuple(
                sorted(
                    leases, key=lambda item: (item.address.version, int(item.address))
                )
            )
    except _TROUBLE as error:
        raise SetupError(f"cannot use the leases in {path}: {error}") from error
