"""Events as lines."""

import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot import events, report
from fastboot.report import (
    KIND_MAX,
    LINES_MAX,
    PERIOD,
    REPEATS_MAX,
    SMALL_MAX,
    TEXT_MAX,
    Report,
    clean,
    complain,
    json_line,
    text_line,
    write_to,
)

EVENTS = [
    events.Listening("tftp", "0.0.0.0", 69),
    events.Offered("52:54:00:12:34:56", "UEFI x86-64", "ipxe.efi", "10.0.0.2", "ack"),
    events.Unbootable("52:54:00:12:34:56", "UEFI ARM64", "no boot program"),
    events.Probed("tftp", "10.0.0.7", "ipxe.efi", 1000),
    events.Finished("http", "10.0.0.7", "linux", 10_000_000, 2.0),
    events.Failed(
        "tftp", "10.0.0.7", "linux", 512, 1.0, "the client stopped answering"
    ),
    events.Received("tftp", "10.0.0.7", "log", 10_000_000, 2.0, 3),
    events.NotReceived("tftp", "10.0.0.7", "log", 512, 1.0, "the disk is full"),
    events.RequestRefused("tftp", "10.0.0.7", "nothing", "no such file"),
    events.Dropped("dhcp", "10.0.0.7", "shorter than any packet"),
    events.Reloaded("https", "the key can be read by others"),
    events.Fault("tftp", ZeroDivisionError("division by zero")),
    events.Repeated(7, 10.0),
    events.Rival("10.0.0.1", "52:54:00:12:34:56", "10.0.0.2"),
    events.Leased("52:54:00:12:34:56", "10.0.0.9", "10.0.0.2", "ack", 3600, "ipxe.efi"),
    events.Released("52:54:00:12:34:56", "10.0.0.9"),
    events.Conflict("10.0.0.9", "52:54:00:12:34:56", "declined it"),
    events.LeaseTrouble("cannot keep leases: disk full"),
    events.Serves("10.0.0.0/24", "10.0.0.128 to 10.0.0.254", 3600, chosen=True),
    events.Awaited("192.0.2.2"),
    events.BootStopped(
        "52:54:00:12:34:56", "offer", "PXE-E16", "nobody gives it an address", "do so"
    ),
]


def test_every_event_is_here():
    assert {type(event) for event in EVENTS} == set(events.Event.__args__)


def test_a_boot_that_stopped_is_told_with_what_the_screen_shows_and_the_cure():
    assert text_line(EVENTS[-1]) == (
        "boot  52:54:00:12:34:56 stopped at the offer (PXE-E16): "
        "nobody gives it an address; do so"
    )


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_a_line_of_text(event):
    line = text_line(event)
    assert line.isprintable()
    assert len(line) > 10


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_a_json_object(event):
    line = json_line(event)
    assert "\n" not in line
    assert json.loads(line)["event"] == type(event).__name__


def test_a_transfer_says_bytes_seconds_rate_and_retransmissions():
    event = events.Finished("tftp", "10.0.0.7", "linux", 10_000_000, 2.0, 3)
    assert text_line(event) == (
        "tftp  10.0.0.7 got linux: 10.0 MB in 2.00 s, 5.0 MB/s, 3 retransmissions"
    )


def test_a_file_that_was_sent_says_the_same_or_why_it_is_not_kept():
    came, lost = (text_line(event) for event in EVENTS[6:8])
    assert came == (
        "tftp  10.0.0.7 sent log: 10.0 MB in 2.00 s, 5.0 MB/s, 3 retransmissions"
    )
    assert lost == (
        "tftp  10.0.0.7 sent log up to 512 B in 1.00 s, not kept: the disk is full"
    )


@given(st.text())
def test_D15_G3_whatever_a_peer_sends_is_one_line(name):
    event = events.RequestRefused("tftp", "10.0.0.7", name, "no such file")
    assert text_line(event).isprintable()
    assert len(text_line(event)) <= TEXT_MAX
    assert len(json.loads(json_line(event))["name"]) <= TEXT_MAX


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\x0ab"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\udcff", "\\xff"),  # a byte that is no UTF-8
        ("größe", "größe"),
    ],
)
def test_G3_what_does_not_print_is_spelled_out(text, shown):
    assert clean(text) == shown


class Log:
    """A report and what it has written."""

    def __init__(self):
        self.now = 0.0
        self.lines = []
        self.report = Report(self.write, text_line, lambda: self.now)

    def write(self, text):
        self.lines += text.split("\n")

    def close(self):
        self.report.close()
        return self.lines


def test_G4_a_flood_of_one_kind_is_a_few_lines_and_a_count():
    log = Log()
    for n in range(100_000):
        client = f"10.0.{n // 250 % 250}.{n % 250}"
        log.report(events.Dropped("tftp", client, "no request"))
    log.now += PERIOD
    log.report(EVENTS[4])
    lines = log.close()
    assert len(lines) == KIND_MAX + 2
    assert lines[KIND_MAX] == f"{100_000 - KIND_MAX} more lines like these in 10 s"
    assert lines[KIND_MAX + 1] == text_line(EVENTS[4])


def test_G4_one_client_does_not_use_up_the_lines_of_the_others():
    log = Log()
    for _ in range(1000):
        log.report(events.RequestRefused("tftp", "10.0.0.7", "x", "no such file"))
    log.report(events.RequestRefused("tftp", "10.0.0.8", "x", "no such file"))
    lines = log.close()
    assert len(lines) == REPEATS_MAX + 2
    assert "10.0.0.8" in lines[REPEATS_MAX]


def test_finished_transfers_of_large_files_are_never_left_out():
    log = Log()
    for _ in range(1000):
        log.report(EVENTS[4])
    assert len(log.close()) == 1000


def test_finished_transfers_of_small_files_are_counted_beyond_a_thousand():
    log = Log()
    small = events.Finished("http", "10.0.0.7", "module.mod", 4096, 0.1)
    for _ in range(SMALL_MAX + 3):
        log.report(small)
    lines = log.close()
    assert len(lines) == SMALL_MAX + 1
    assert lines[-1] == "3 more lines like these in 10 s"


def test_what_was_left_out_is_counted_at_the_end():
    log = Log()
    for _ in range(REPEATS_MAX + 5):
        log.report(EVENTS[7])
    assert log.close()[-1] == "5 more lines like these in 10 s"


def test_lines_and_texts_keep_their_order():
    log = Log()
    for number in range(100):
        log.report.say(f"text {number}")
        log.report(events.Listening("tftp", "0.0.0.0", number))
    lines = log.close()
    assert lines[::2] == [f"text {number}" for number in range(100)]
    assert [line.split()[-1] for line in lines[1::2]] == [str(n) for n in range(100)]


class Stuck:
    """A log that nobody reads until `read` is set."""

    def __init__(self):
        self.lines = []
        self.read = threading.Event()
        self.report = Report(self.write, text_line, lambda: 0.0)

    def write(self, text):
        self.read.wait()
        self.lines += text.split("\n")


def test_a_log_that_nobody_reads_keeps_nobody_waiting_and_is_bounded():
    log = Stuck()
    for _ in range(LINES_MAX + 500):
        log.report(EVENTS[4])
    log.read.set()
    log.report.close()
    *written, last = log.lines
    # The writer may have taken some lines already, which makes room for as many.
    assert LINES_MAX <= len(written) <= LINES_MAX + report.LINES_AT_ONCE
    left_out = LINES_MAX + 500 - len(written)
    assert last == f"{left_out} more lines like these in 10 s"


def test_a_log_that_nobody_reads_is_closed_all_the_same(monkeypatch):
    monkeypatch.setattr(report, "FLUSH", 0.01)
    log = Stuck()
    log.report(EVENTS[4])
    closer = threading.Thread(target=log.report.close, daemon=True)
    closer.start()
    closer.join(10)
    assert not closer.is_alive()
    assert log.lines == []
    log.read.set()


@pytest.mark.parametrize("error", [BrokenPipeError, ValueError, OSError(28, "full")])
def test_a_line_that_cannot_be_written_is_not_the_last(error):
    lines = []
    failed = threading.Event()

    def write(line):
        if not failed.is_set():
            failed.set()
            raise error
        lines.append(line)

    log = Report(write, text_line, lambda: 0.0)
    log.say("lost")
    failed.wait()
    log.say("written")
    log.close()
    assert lines == ["written"]


@pytest.fixture
def pipe():
    """The ends of a pipe: the one to read from, and a stream to write to."""
    reader, writer = os.pipe()
    with open(reader, "rb") as source, open(writer, "w", encoding="ascii") as sink:
        yield source, sink


def test_what_a_terminal_cannot_show_is_spelled_out(pipe):
    source, sink = pipe
    write_to(sink)("gr\u00f6\u00dfe \udcff")
    assert source.readline() == b"gr\\xf6\\xdfe \\udcff\n"


def test_a_stream_that_has_no_room_is_waited_for(pipe):
    source, sink = pipe
    os.set_blocking(sink.fileno(), False)
    line = "x" * (1 << 20)  # more than a pipe holds
    read = []
    reader = threading.Thread(target=lambda: read.append(source.readline()))
    reader.start()
    write_to(sink)(line)
    reader.join()
    assert read == [line.encode() + b"\n"]


def test_without_a_stream_lines_go_nowhere():
    write_to(None)("line")


def test_a_complaint_is_one_line(capfd, monkeypatch):
    with open(2, "w", encoding="utf-8", closefd=False) as stream:
        monkeypatch.setattr("sys.stderr", stream)
        complain("no\nsuch\x1bthing")
    assert capfd.readouterr().err == "fastboot: no\\x0asuch\\x1bthing\n"


def test_a_complaint_that_nobody_hears_is_none(monkeypatch, pipe):
    monkeypatch.setattr("sys.stderr", None)
    complain("nobody")
    source, sink = pipe
    source.close()
    monkeypatch.setattr("sys.stderr", sink)
    complain("nobody")
