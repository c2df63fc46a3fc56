"""A lossy link: what befalls datagrams is the seed's choice, and TFTP gets through."""

import errno
import random
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

import download
from fastboot.testing import link as link_module
from fastboot.testing.link import LossyLink
from fastboot.testing.loading import LoadError, Tftp

FILE = random.Random(5).randbytes(150_000)
OPTIONS = ((b"blksize", b"1428"), (b"windowsize", b"8"))


@pytest.fixture
def boot_content(tmp_path):
    (tmp_path / "file").write_bytes(FILE)
    (tmp_path / "even").write_bytes(FILE[:5120])
    (tmp_path / "empty").write_bytes(b"")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [
        {},
        {"loss": 0.1},
        {"reorder": 0.1},
        {"duplicate": 0.2},
        {"loss": 0.05, "reorder": 0.05, "duplicate": 0.05},
    ],
    ids=lambda faults: "+".join(faults) or "none",
)
@pytest.mark.parametrize("options", [(), OPTIONS], ids=["plain", "options"])
def test_files_get_through_bit_for_bit(boot_server, lossy_link, faults, options):
    link = lossy_link(boot_server.tftp_port, seed=3, **faults)
    tftp = Tftp(("127.0.0.1", link.port), "127.0.0.1", patience=60)
    for name, content in (("even", FILE[:5120]), ("empty", b"")):
        assert tftp.load(name, options) == content
    if options:
        assert tftp.load("file", options) == FILE
    words = {"loss": "lost", "reorder": "swapped", "duplicate": "doubled"}
    assert set(link.counts) <= {"passed", *(words[fault] for fault in faults)}
    if options:
        assert all(link.counts[words[fault]] for fault in faults)


def test_several_clients_go_through_one_link(boot_server, lossy_link):
    link = lossy_link(boot_server.tftp_port)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(download.tftp, link.port, "file") for _ in range(8)]
        assert all(job.result() == FILE for job in jobs)


@pytest.mark.slow
def test_where_all_is_lost_a_client_gives_up(boot_server, lossy_link):
    link = lossy_link(boot_server.tftp_port, loss=1)
    with pytest.raises(LoadError, match="does not answer"):
        Tftp(("127.0.0.1", link.port), "127.0.0.1", patience=0.6).load("file", ())


def fates(seed):
    """What befalls two hundred numbered datagrams, sent one after the other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(download.PATIENCE)
        port = server.getsockname()[1]
        shares = {"loss": 0.2, "reorder": 0.1, "duplicate": 0.1}
        with (
            LossyLink(port, seed=seed, **shares) as link,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        ):
            for number in range(200):
                client.sendto(bytes((number,)), ("127.0.0.1", link.port))
                while sum(link.counts.values()) <= number:
                    pass
            arrive = link.counts["passed"] + link.counts["swapped"]
            arrive += 2 * link.counts["doubled"]
            return [server.recv(10) for _ in range(arrive)], dict(link.counts)


def test_the_same_seed_has_the_same_fates():
    assert fates(4) == fates(4)
    assert fates(4) != fates(5)


def test_shares_are_shares():
    for wrong in ({"loss": 1.1}, {"loss": -0.1}, {"loss": 0.6, "reorder": 0.6}):
        with pytest.raises(ValueError, match="shares"):
            LossyLink(1, **wrong)


def test_a_link_has_only_so_many_clients(monkeypatch):
    monkeypatch.setattr(link_module, "SOCKETS_MAX", 8)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with LossyLink(server.getsockname()[1]) as link:
            clients = [
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(12)
            ]
            for client in clients:
                client.sendto(b"x", ("127.0.0.1", link.port))
            while sum(link.counts.values()) < len(clients):
                pass
            for client in clients:
                client.close()
            assert link.counts["lost"] == 5
            assert len(link._ends) == 8


def test_a_link_that_gets_no_socket_loses_what_it_would_be_for(monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with (
            LossyLink(server.getsockname()[1]) as link,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        ):
            monkeypatch.setattr(link_module.socket, "socket", no_more)
            client.sendto(b"x", ("127.0.0.1", link.port))
            while not link.counts:
                pass
            monkeypatch.undo()
            assert link.counts == {"lost": 1}


def no_more(*_):
    raise OSError(errno.EMFILE, "Too many open files")
