"""The page for people, in words: what is in it, and what is sent as it changes."""

import json
import re

import pytest

from fastboot.errors import Unavailable
from fastboot.seen import Running
from fastboot.timeline.diagnosis import OFFER_PATIENCE
from fastboot.timeline.page import SHOWN_MAX, Writer
from fastboot.timeline.watch import EVERY, QUIET, WATCHERS_MAX

from .history import HERE, MAC, ROUTER, URL, History
from .test_tree import ME, Shown


def text_of(shown):
    blob = shown.tree.open("/_fastboot/", ME)
    return blob.read(0, blob.size).decode(), dict(blob.fields)


def events_of(data):
    """The events in a piece of a stream: names, and what they say."""
    found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", data.decode())
    return [(name, json.loads(said)) for name, said in found]


def watch(shown, version=0):
    return shown.tree.open(f"/_fastboot/events/{version}", ME).feed


def stopped(**machine):
    shown = Shown(**machine)
    for _ in range(2):
        shown.asks()
        shown.is_offered()
        shown.hears_of(vendor="PXEClient")
        shown.wait(8.0)
    shown.wait(OFFER_PATIENCE)
    return shown


def test_a_machine_is_on_the_page_with_why_it_stopped_and_what_to_do():
    page, _ = text_of(stopped())
    assert f"<bdi>{MAC}</bdi>" in page
    assert "Stopped at the offer, screen: PXE-E16." in page
    assert f"Remove option 60 on {ROUTER}" in page
    assert "1 machine stopped at the offer:" in page


def test_it_is_told_how_the_router_is_changed_whatever_it_is():
    page, _ = text_of(stopped())
    products = re.findall(r"<dt>(.*?)</dt><dd><pre>(.+?)</pre>", page, re.DOTALL)
    assert {"dnsmasq", "MikroTik"} & {name.split()[0] for name, _ in products}


def test_a_page_without_machines_says_what_to_do():
    page, _ = text_of(Shown())
    assert "No machine has asked yet" in page
    assert '<p class="none" id="empty">' in page
    assert "<bdi>debian</bdi>" in page  # what the folder offers


def test_G3_names_that_are_markup_are_text():
    shown = Shown()
    shown.asks()
    shown.hears_of()
    shown.is_refused("<script>alert(1)</script>\"'<img src=x>", "tftp")
    page, _ = text_of(shown)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    data = watch(shown)()
    assert b"<script>alert" not in data


def test_nothing_but_its_own_script_and_style_runs_on_the_page():
    _, fields = text_of(Shown())
    policy = fields["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "connect-src 'self'" in policy
    assert fields["X-Content-Type-Options"] == "nosniff"


def test_how_far_a_machine_came_is_drawn():
    shown = Shown()
    shown.asks()
    shown.is_offered()
    shown.hears_of()
    shown.asks_boot_server()
    shown.gets()
    shown.asks("iPXE")
    shown.is_offered(URL)
    shown.gets("/boot.ipxe", "http")
    page, _ = text_of(shown)
    marks = re.findall(r'<li class="([a-z ]+)"><span class="name">([A-Za-z ]+)', page)
    assert marks == [
        ("done", "Asked"),
        ("done", "Offer"),
        ("done", "Boot server"),
        ("done", "Program"),
        ("done here", "Script"),
        ("open", "Kernel"),
        ("open", "Initrd"),
    ]


def test_who_watches_is_told_what_changed_and_no_more():
    shown = Shown()
    shown.asks()
    feed = watch(shown, shown.timeline.version)
    first = [name for name, _ in events_of(feed())]
    assert first == ["hello", "findings", "downloads"]
    assert feed() == b""
    shown.is_offered()
    ((name, said),) = events_of(feed())
    assert name == "machine"
    assert f"was offered ipxe.efi from {HERE}" in said["html"]
    assert feed() == b""


def test_who_comes_back_is_told_what_changed_meanwhile():
    shown = Shown()
    shown.asks()
    version = shown.timeline.version
    shown.is_offered()
    names = [name for name, _ in events_of(watch(shown, version)())]
    assert names == ["hello", "machine", "findings", "downloads"]


def test_what_is_downloaded_has_a_bar_and_a_speed():
    shown = Shown()
    feed = watch(shown)
    shown.running = [Running("192.0.2.7", "/linux", 4_000_000, 1_000_000, 1.0)]
    feed()
    shown.wait(EVERY)
    shown.running = [Running("192.0.2.7", "/linux", 4_000_000, 3_000_000, 2.0)]
    said = dict(events_of(feed()))["downloads"]["html"]
    assert 'value="75"' in said
    assert "75 % · 3.0 MB of 4.0 MB, 2.0 MB/s" in said
    shown.wait(EVERY)
    shown.running = []
    assert "Nothing is being downloaded" in dict(events_of(feed()))["downloads"]["html"]


def test_engines_are_asked_once_a_second_however_many_watch():
    shown, asked = Shown(), []
    shown.look = asked.append
    feeds = [watch(shown) for _ in range(5)]
    for feed in feeds:
        feed()
    assert len(asked) == 1
    shown.wait(EVERY)
    for feed in feeds:
        feed()
    assert len(asked) == 2


def test_the_number_of_watchers_is_bounded_and_who_leaves_makes_room():
    shown = Shown()
    feeds = [watch(shown) for _ in range(WATCHERS_MAX)]
    with pytest.raises(Unavailable):
        watch(shown)
    feeds[0].close()
    feeds[0].close()  # a second time it does nothing
    watch(shown)
    with pytest.raises(Unavailable):
        watch(shown)


def test_a_quiet_stream_says_so_now_and_then():
    feed = watch(Shown())
    feed()
    said = [feed() for _ in range(int(2 * QUIET / EVERY))]
    assert said.count(b":\n\n") == 2


def test_the_page_has_no_more_machines_than_a_person_reads():
    shown = Shown()
    for number in range(SHOWN_MAX + 20):
        other = History(mac=f"52:54:00:00:01:{number:02x}")
        other.timeline = shown.timeline
        other.asks()
    page, _ = text_of(shown)
    assert page.count("<article") == SHOWN_MAX
    assert len(shown.hub._writer._known) <= SHOWN_MAX


def test_what_the_doctor_finds_needs_doing_whoever_asked():
    found = [("no boot program for <BIOS>", "put one into the folder"), ("odd", "")]
    history = History()
    writer = Writer(history.timeline, lambda: 0.0, lambda: 0.0, lambda: found)
    part = writer.findings([])
    assert "<strong>No boot program for &lt;BIOS&gt;.</strong>" in part
    assert '<p class="cure">Put one into the folder.</p>' in part
    assert "no machine stopped" not in part
