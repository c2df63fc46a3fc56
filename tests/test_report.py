"""Events as lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot import events
from fastboot.report import (
    KIND_MAX,
    PERIOD,
    REPEATS_MAX,
    TEXT_MAX,
    Report,
    clean,
    json_line,
    text_line,
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
    events.RequestRefused("tftp", "10.0.0.7", "nothing", "no such file"),
    events.Dropped("dhcp", "10.0.0.7", "shorter than any packet"),
    events.Fault("tftp", ZeroDivisionError("division by zero")),
    events.Repeated(7, 10.0),
]


def test_every_event_is_here():
    assert {type(event) for event in EVENTS} == set(events.Event.__args__)


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
    def __init__(self):
        self.now = 0.0
        self.lines = []
        self.report = Report(self.lines.append, text_line, lambda: self.now)


def test_G4_a_flood_of_one_kind_is_a_few_lines_and_a_count():
    log = Log()
    for n in range(100_000):
        client = f"10.0.{n // 250 % 250}.{n % 250}"
        log.report(events.Dropped("tftp", client, "no request"))
    assert len(log.lines) == KIND_MAX
    log.now += PERIOD
    log.report(EVENTS[4])
    assert any("more lines like these" in line for line in log.lines)


def test_G4_one_client_does_not_use_up_the_lines_of_the_others():
    log = Log()
    for _ in range(1000):
        log.report(events.RequestRefused("tftp", "10.0.0.7", "x", "no such file"))
    assert len(log.lines) == REPEATS_MAX
    log.report(events.RequestRefused("tftp", "10.0.0.8", "x", "no such file"))
    assert len(log.lines) == REPEATS_MAX + 1


def test_finished_transfers_are_never_left_out():
    log = Log()
    for _ in range(1000):
        log.report(EVENTS[4])
    assert len(log.lines) == 1000


def test_what_was_left_out_is_counted_at_the_end():
    log = Log()
    for _ in range(REPEATS_MAX + 5):
        log.report(EVENTS[7])
    log.report.close()
    assert log.lines[-1] == "5 more lines like these in 10 s"
