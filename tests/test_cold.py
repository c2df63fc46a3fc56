"""Parts of files that are read aside, and who waits for them."""

import errno
import os
import threading
from contextlib import suppress

import pytest

from disk import PATIENCE, Disk, forget, put, put_old, require_cold_files
from fastboot import cold
from fastboot.cold import CHUNK, Cold, Part, Reader, Reads, check_warm, fill, read_warm
from fastboot.crew import Crew
from fastboot.errors import ContentChanged
from fastboot.mounts import Mounts, slow_mounts
from fastboot.tree import Blob

CONTENT = bytes(range(256)) * 1024  # four chunks


@pytest.fixture
def path(tmp_path):
    """A file."""
    put_old(tmp_path / "file", CONTENT)
    return tmp_path / "file"


@pytest.fixture
def blob(path):
    """The file, open."""
    blob = Blob.from_fd(os.open(path, os.O_RDONLY))
    yield blob
    blob.close()


@pytest.fixture
def slow(monkeypatch):
    """Every file system may hang."""
    monkeypatch.setattr(Mounts, "may_hang", lambda self, device: True)


def part_of(blob, cold):
    data = os.pread(blob.fd, cold.length, cold.at)
    return Part(cold.at, data, os.fstat(blob.fd))


def test_a_file_that_cannot_be_read_is_found_out_by_who_waits(path, monkeypatch):
    def broken(file, at, length):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(cold, "read", broken)
    woken = threading.Event()
    reads = Reads(woken.set)
    with path.open("rb") as file:
        reads.wait(7, Cold(file.fileno(), 0))
        assert woken.wait(PATIENCE)
    ((who, error),) = reads.ready()
    assert who == 7
    assert error.errno == errno.EIO
    reads.close()


def test_what_two_wait_for_is_read_once(path, monkeypatch):
    disk = Disk(monkeypatch)
    disk.free.clear()
    woken = threading.Event()
    reads = Reads(woken.set)
    with path.open("rb") as file:
        for who in "ab":
            reads.wait(who, Cold(file.fileno(), 0, 5))
        disk.free.set()
        assert woken.wait(PATIENCE)
    assert {who: part.data for who, part in reads.ready()} == {
        "a": CONTENT[:5],
        "b": CONTENT[:5],
    }
    assert disk.reads == [0]
    reads.close()


def test_F6_what_hangs_on_one_file_system_keeps_no_other_waiting(path, monkeypatch):
    hung, well = 7, 8  # devices
    threads, go_on, read = Crew(), threading.Event(), cold.read
    monkeypatch.setattr(cold, "crew", lambda: threads)
    monkeypatch.setattr(Mounts, "may_hang", lambda self, device: device in (hung, well))

    def hang(file, at, length):
        assert at == 0 or go_on.wait(PATIENCE)
        return read(file, at, length)

    monkeypatch.setattr(cold, "read", hang)
    woken = threading.Semaphore(0)
    reads = Reads(woken.release)
    with path.open("rb") as file:
        for at in range(1, 50):
            reads.wait(at, Cold(file.fileno(), at, 10, of=(hung, 1)))
        reads.wait("mount", Cold(file.fileno(), 0, 10, of=(well, 1)))
        reads.wait("disk", Cold(file.fileno(), 0, 10))
        assert all(woken.acquire(timeout=PATIENCE) for _ in range(2))
        assert {who for who, _ in reads.ready()} == {"mount", "disk"}
        go_on.set()
        assert all(woken.acquire(timeout=PATIENCE) for _ in range(1, 50))
    reads.close()


def test_F6_where_too_much_hangs_it_cannot_be_read(path, monkeypatch):
    monkeypatch.setattr(Mounts, "may_hang", lambda self, device: True)
    must_be_done = []

    def do(crew, job, of, must=False):
        if must:
            must_be_done.append(job)
        return must

    monkeypatch.setattr(Crew, "do", do)
    reads = Reads(lambda: None)
    with path.open("rb") as file:
        reads.wait(7, Cold(file.fileno(), 0))
    ((who, error),) = reads.ready()
    assert (who, error.errno) == (7, errno.EAGAIN)
    (close,) = must_be_done  # not here: it may hang as well
    close()
    reads.close()


@pytest.fixture
def shortage(monkeypatch):
    """From when it is called on, the process has no descriptor left."""

    def exhausted(*args):
        raise OSError(errno.EMFILE, "Too many open files")

    def begin():
        monkeypatch.setattr(os, "dup", exhausted)
        monkeypatch.setattr(os, "pipe", exhausted)

    return begin


def until_ready(reads, woken, expected):
    """What became of so many who wait."""
    ready = {}
    while len(ready) < expected:
        assert woken.wait(PATIENCE)
        woken.clear()
        ready.update(reads.ready())
    return ready


@pytest.mark.parametrize("slow", [False, True])
def test_R1_F6_without_a_descriptor_it_is_still_read_aside(
    path, monkeypatch, shortage, slow
):
    monkeypatch.setattr(Mounts, "may_hang", lambda self, device: slow)
    disk, woken = Disk(monkeypatch), threading.Event()
    reads = Reads(woken.set)
    with path.open("rb") as file:
        reads.wait(1, Cold(file.fileno(), 0))
        until_ready(reads, woken, 1)
        shortage()
        disk.free.clear()  # who reads now is held up: it may not be this thread
        for place in range(1, 4):
            reads.wait(place, Cold(file.fileno(), place * CHUNK, CHUNK))
        assert not reads.ready()
        reads.forget(3)
        disk.free.set()
        ready = until_ready(reads, woken, 2)
    assert {place: part.data for place, part in ready.items()} == {
        place: CONTENT[place * CHUNK :][:CHUNK] for place in (1, 2)
    }
    assert disk.reads == [0, CHUNK, 2 * CHUNK]  # one after the other
    reads.close()


def test_R1_where_not_even_the_reserve_is_left_who_waits_is_told(path, shortage):
    woken = threading.Event()
    reads = Reads(woken.set)
    shortage()
    with path.open("rb") as file:
        reads.wait(7, Cold(file.fileno(), 0))
        assert until_ready(reads, woken, 1)[7].errno == errno.EMFILE
    reads.close()


def test_R1_a_file_that_was_read_by_the_reserve_is_held_no_more(path, shortage):
    woken = threading.Event()
    reads = Reads(woken.set)
    with path.open("rb") as file:
        reads.wait(1, Cold(file.fileno(), 0))
        until_ready(reads, woken, 1)
        shortage()
        reads.wait(1, Cold(file.fileno(), 0))
        until_ready(reads, woken, 1)
    held = []
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            held.append(os.readlink(f"/proc/self/fd/{fd}"))
    assert str(path) not in held
    reads.close()


def test_R2_without_a_thread_it_cannot_be_read_until_there_is_one(path, monkeypatch):
    def fail(self):
        raise RuntimeError("can't start new thread")

    woken = threading.Event()
    reads = Reads(woken.set)
    with path.open("rb") as file:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            reads.wait(7, Cold(file.fileno(), 0))
        ((who, error),) = reads.ready()
        assert (who, error.errno) == (7, errno.EAGAIN)
        woken.clear()
        reads.wait(7, Cold(file.fileno(), 0))
        assert woken.wait(PATIENCE)
    ((who, part),) = reads.ready()
    assert (who, part.data) == (7, CONTENT)
    reads.close()


def test_what_a_file_system_cannot_tell_counts_as_warm(blob, monkeypatch):
    read, write = os.pipe()
    check_warm(read, 0, 1)  # no place in a pipe
    os.close(read)
    os.close(write)
    monkeypatch.setattr(cold, "_NOWAIT", None)
    check_warm(-1, 0, 1)
    assert Reader(blob).read(0, 5) == CONTENT[:5]


def test_a_buffer_is_filled_whole_or_not_at_all(blob):
    buffer = memoryview(bytearray(1000))
    fill(blob.fd, buffer, 5)
    assert bytes(buffer) == CONTENT[5:1005]
    with pytest.raises(ContentChanged):
        fill(blob.fd, buffer, len(CONTENT) - 999)


def test_what_is_in_memory_is_read_whole_or_not_at_all(blob):
    blob.read(0, len(CONTENT))
    assert read_warm(blob, 5, 1000) == CONTENT[5:1005]
    assert read_warm(blob, len(CONTENT) - 999, 1000) is None
    assert read_warm(Blob.from_bytes(b"no file"), 0, 7) is None


@pytest.mark.parametrize("wait", [False, True])
def test_a_buffer_is_filled_from_a_cold_file_only_by_who_waits(tmp_path, wait):
    require_cold_files(tmp_path)
    put(tmp_path / "cold", CONTENT)
    buffer = memoryview(bytearray(1000))
    with (tmp_path / "cold").open("rb") as file:
        if wait:
            fill(file.fileno(), buffer, 5, wait=True)
            assert bytes(buffer) == CONTENT[5:1005]
        else:
            with pytest.raises(Cold):
                fill(file.fileno(), buffer, 5)


def test_a_buffer_is_filled_where_the_question_is_not_known(blob, monkeypatch):
    really = os.preadv

    def preadv(file, buffers, at, flags):
        if flags:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return really(file, buffers, at, flags)

    monkeypatch.setattr(os, "preadv", preadv)
    buffer = memoryview(bytearray(1000))
    fill(blob.fd, buffer, 5)
    assert bytes(buffer) == CONTENT[5:1005]
    with pytest.raises(OSError, match="Bad file"):
        fill(-1, buffer, 5)


def test_what_is_in_memory_is_read_at_once(blob):
    assert Reader(blob).read(5, 1000) == CONTENT[5:1005]
    assert Reader(blob).read(len(CONTENT) - 3, 1000) == CONTENT[-3:]


def test_what_is_not_in_memory_is_read_in_chunks_that_others_want_too(tmp_path):
    require_cold_files(tmp_path)
    put(tmp_path / "cold", CONTENT)
    blob = Blob.from_fd(os.open(tmp_path / "cold", os.O_RDONLY))
    for _ in range(100):
        # A disk may be so fast that what the look asked for is there before its end.
        try:
            Reader(blob).read(CHUNK + 1, 1000)
        except Cold as found:
            caught = found
            break
        forget(tmp_path / "cold")
    assert (caught.at, caught.length) == (CHUNK, CHUNK)
    assert caught.of == blob.place
    blob.close()


@pytest.mark.usefixtures("slow")
def test_F6_what_may_hang_is_read_aside_even_if_it_is_in_memory(path):
    blob = Blob.from_fd(os.open(path, os.O_RDONLY))
    assert blob.slow
    reader = Reader(blob)
    with pytest.raises(Cold) as caught:
        reader.read(len(CONTENT) - 10, 100)
    reader.take(caught.value, part_of(blob, caught.value))
    assert reader.read(len(CONTENT) - 10, 100) == CONTENT[-10:]
    blob.close()


def test_F1_a_part_that_has_become_shorter_is_no_part(blob):
    short = Part(0, CONTENT[:99], os.fstat(blob.fd))
    with pytest.raises(ContentChanged, match="cut short"):
        Reader(blob).take(Cold(blob.fd, 0, 100), short)


def test_a_part_of_a_file_that_was_rewritten_is_no_part(blob, path):
    path.write_bytes(CONTENT[::-1])
    wanted = Cold(blob.fd, 0, 100)
    with pytest.raises(ContentChanged, match="rewritten"):
        Reader(blob).take(wanted, part_of(blob, wanted))


MOUNTS = """\
24 27 0:6 / /dev rw,relatime - devtmpfs devtmpfs rw,size=12334524k
27 1 254:0 / / rw,relatime - ext4 /dev/root rw
40 27 0:46 / /srv/boot rw,relatime shared:1 master:2 - nfs4 nas:/boot rw,vers=4.2
41 27 0:300 / /srv/iso ro,nosuid - fuse.sshfs nas:/iso ro,user_id=0
"""


def test_file_systems_of_the_network_and_of_programs_may_hang():
    assert slow_mounts(MOUNTS) == {
        "/srv/boot": os.makedev(0, 46),
        "/srv/iso": os.makedev(0, 300),
    }


def test_a_disk_does_not_hang(path):
    assert not Mounts().may_hang(path.stat().st_dev)


def test_what_is_mounted_later_is_noticed(monkeypatch):
    class Changed:
        def poll(self, timeout):
            return [(3, 2)]

    mounts = Mounts()
    assert not mounts.may_hang(-1)
    monkeypatch.setattr(mounts, "_news", Changed())
    monkeypatch.setattr("fastboot.mounts.slow_mounts", lambda text: {"/srv/nas": -1})
    assert mounts.may_hang(-1)
    assert all(map(mounts.may_hang_near, ("/", "/srv", "/srv/nas", "/srv/nas/boot")))
    assert not mounts.may_hang_near("/srv/na")


@pytest.mark.parametrize(
    ("path", "device"),
    [
        ("/srv/nas/linux", 7),
        ("/srv/nas", 7),
        ("/srv/nas/iso/debian", 8),
        ("/srv/nas/../linux", None),
        ("/srv/nasty", None),
    ],
)
def test_a_path_is_in_the_nearest_file_system_above_it(monkeypatch, path, device):
    slow = {"/srv/nas": 7, "/srv/nas/iso": 8}
    monkeypatch.setattr("fastboot.mounts.slow_mounts", lambda text: slow)
    assert Mounts().slow_at(path) == device


def test_without_a_list_of_mounts_nothing_is_said_to_hang(tmp_path, monkeypatch):
    monkeypatch.setattr("fastboot.mounts.MOUNTS", tmp_path / "none")
    assert not Mounts().may_hang(7)
