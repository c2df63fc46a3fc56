"""What there is under `/_fastboot/` for programs."""

import json
from contextlib import closing

import pytest

from fastboot import events
from fastboot.config import Config, DhcpConfig, HttpConfig, TftpConfig
from fastboot.errors import ConfigError, NotFound, Refused
from fastboot.server import Server
from fastboot.timeline import view
from fastboot.timeline.diagnosis import OFFER_PATIENCE
from fastboot.timeline.gate import Gate
from fastboot.timeline.page import Setting, Writer
from fastboot.timeline.tree import Status
from fastboot.timeline.view import AS_OF, Views
from fastboot.timeline.watch import Hub
from fastboot.tree import Client

from .history import HERE, MAC, THERE, History

ME = Client("127.0.0.1", "http", host="127.0.0.1")


class Shown(History):
    """A machine's history, and the tree that shows it."""

    def __init__(self, **machine):
        super().__init__(**machine)

        def epoch():
            return self.clock.now + 1e9

        views = Views(self.timeline, self.clock, epoch)
        self.running = []
        setting = Setting("1.2.3", 1e9, [("debian", "linux")], complete=True)
        writer = Writer(self.timeline, self.clock, epoch)
        self.hub = Hub(
            self.timeline, writer, lambda: [self], lambda: setting, self.clock
        )
        self.tree = Status(views, Gate(tuple), self.hub)

    def look(self, take):
        """As an engine does: tell what is under way."""
        take(self.running)

    def read(self, path, client=ME):
        blob = self.tree.open(path, client)
        return json.loads(blob.read(0, blob.size))


def test_a_machine_is_told_with_its_steps_its_stage_and_why_it_stopped():
    shown = Shown()
    shown.asks()
    shown.is_offered()
    shown.hears_of()
    shown.wait(3.0)
    shown.asks_boot_server()
    shown.wait(OFFER_PATIENCE)
    page = shown.read(f"/_fastboot/clients/{MAC}")
    assert [step["kind"] for step in page["steps"]] == [
        *("asked", "offered", "heard", "question", "told")
    ]
    assert page["steps"][1] == {
        "kind": "offered",
        "sentence": f"was offered ipxe.efi from {HERE}",
        "protocol": "dhcp",
        "text": "ipxe.efi",
        "note": HERE,
        "at": 1e9 + 1000,
        "last": 1e9 + 1000,
        "count": 1,
        "size": 0,
        "seconds": 0.0,
    }
    assert (page["state"], page["stage"]) == ("stopped", "boot program")
    assert set(page["diagnosis"]) == {"stage", "code", "sentence", "cure"}
    assert page["address"] == THERE


def test_the_list_has_the_machine_heard_of_last_first():
    shown = Shown()
    shown.asks()
    other = History(mac="52:54:00:00:00:08")
    other.timeline = shown.timeline
    other.asks()
    page = shown.read("/_fastboot/clients")
    assert [one["machine"][-1] for one in page["machines"]] == ["8", "7"]
    assert page["complete"]
    assert "steps" not in page["machines"][0]


def test_a_machine_is_found_by_its_address_and_in_capitals():
    shown = Shown(mac="52:54:00:00:00:ab")
    shown.asks()
    shown.asks_boot_server()
    assert shown.read(f"/_fastboot/clients/{THERE}")["mac"] == shown.mac
    assert shown.read("/_fastboot/clients/52:54:00:00:00:AB")["mac"] == shown.mac


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/_fastboot/none", "/_fastboot/clients/52:54:00:00:00:99"),
        *(f"/_fastboot/trace/{MAC}", "/images/_fastboot/clients", "/_fastbootx"),
    ],
)
def test_other_names_are_not_there(path):
    with pytest.raises(NotFound):
        Shown().tree.open(path, ME)


def test_it_is_not_there_for_tftp():
    with pytest.raises(NotFound):
        Shown().tree.open("_fastboot/clients", Client("127.0.0.1", "tftp"))


@pytest.mark.parametrize(
    "client",
    [Client("198.51.100.1", "http"), Client("127.0.0.1", "http", host="evil.example")],
)
def test_strangers_are_refused_and_told_why(client):
    with pytest.raises(Refused) as refused:
        Shown().tree.open("/_fastboot/clients", client)
    assert refused.value.told


def config(folder, **http):
    return Config(
        folder,
        address=("127.0.0.1",),
        tftp=TftpConfig(port=0),
        http=HttpConfig(port=0, **http),
        dhcp=DhcpConfig(mode="off"),
    )


def test_a_server_has_it_unless_it_is_switched_off(tmp_path):
    with closing(Server(config(tmp_path), print)) as server:
        assert server.tree.open("/_fastboot/clients", ME).kind == "application/json"
    off = config(tmp_path, status=False)
    with closing(Server(off, print)) as server, pytest.raises(NotFound):
        server.tree.open("/_fastboot/clients", ME)


def test_a_network_that_is_none_is_a_wrong_setting():
    with pytest.raises(ConfigError, match="--http-status-from is 'lan'"):
        HttpConfig(status_from=("lan",))


def test_of_a_crowd_the_list_is_written_once_a_second(monkeypatch):
    monkeypatch.setattr(view, "CROWD", 1)
    shown = Shown()
    shown.asks()

    def listed():
        return len(shown.read("/_fastboot/clients")["machines"])

    assert listed() == 1
    for number in range(2):
        shown.timeline(
            events.Offered(f"52:54:00:00:01:0{number}", "", "x", HERE, "ack")
        )
    assert listed() == 1
    shown.wait(AS_OF)
    assert listed() == 3
