"""Settings: one definition for flags, files and the environment."""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any

import pytest

from fastboot.cli import command
from fastboot.config import (
    FILES_CONTENT,
    FILES_PLACE,
    FILES_RESERVE,
    FILES_WORKER,
    WORKERS_USUAL,
    BootConfig,
    Config,
    DhcpConfig,
    HttpConfig,
    HttpsConfig,
    LeaseConfig,
    TftpConfig,
    usual_workers,
)
from fastboot.config.setting import between, setting
from fastboot.errors import ConfigError
from fastboot.settings import _make, build, read_toml, settings

NAMES = [(setting.part, setting.name) for setting in settings()]


def test_every_field_is_a_setting():
    parts = {
        "": Config,
        "tftp": TftpConfig,
        "http": HttpConfig,
        "https": HttpsConfig,
        "dhcp": DhcpConfig,
        "lease": LeaseConfig,
        "boot": BootConfig,
    }
    tables = {("dhcp", "subnet"), ("tftp", "client")}
    fields = {
        (part, name)
        for part, kind in parts.items()
        for name in kind.__dataclass_fields__
        if name not in parts and (part, name) not in tables
    }
    assert set(NAMES) == fields


@pytest.mark.parametrize("setting", list(settings()), ids=lambda setting: setting.flag)
def test_every_setting_has_its_flag_variable_and_help(setting):
    if setting.name == "folder":
        return
    options = {
        flag: option
        for option in command.commands["serve"].params
        for flag in option.opts
    }
    option = options[setting.flag]
    assert option.envvar == setting.variable
    assert setting.text in option.help
    assert len(setting.text) > 3


def test_flags_are_spelled_as_promised():
    flags = {setting.flag for setting in settings()}
    wanted = "--interface --address --http-port --tftp-port --dhcp --tftp --http"
    assert set(wanted.split()) <= flags


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "no folder"),
        ({"folder": "x", "tftp": {"prot": 1}}, "no setting called prot"),
        ({"folder": "x", "colour": 1}, "no setting called colour"),
        ({"folder": "x", "tftp": 69}, r"write \[tftp\]"),
        ({"folder": "x", "tftp": {"port": "69"}}, "must be a whole number"),
        ({"folder": "x", "tftp": {"port": True}}, "must be a whole number"),
        ({"folder": "x", "tftp": {"port": 70000}}, "between 0 and 65535"),
        ({"folder": "x", "http": {"port": 70000}}, "^--http-port is 70000; it must"),
        ({"folder": "x", "dhcp": {"pxe_port": -1}}, "^--dhcp-pxe-port is -1"),
        ({"folder": "x", "tftp": {"max_windowsize": 0}}, "between 1 and 32767"),
        ({"folder": "x", "tftp": {"ports": "many"}}, "pool, each, single or LOW-HIGH"),
        ({"folder": "x", "tftp": {"ports": "9-8"}}, "pool, each, single or LOW-HIGH"),
        (
            {"folder": "x", "tftp": {"ports": "1-65536"}},
            "pool, each, single or LOW-HIGH",
        ),
        ({"folder": "x", "tftp": {"max_windowsize": 32768}}, "between 1 and 32767"),
        ({"folder": "x", "tftp": {"max_blksize": 7}}, "between 8 and 65464"),
        ({"folder": "x", "tftp": {"max_blksize": 65465}}, "between 8 and 65464"),
        ({"folder": "x", "http": {"enabled": 1}}, "true or false"),
        ({"folder": "x", "dhcp": {"mode": "on"}}, "proxy or .* or off"),
        ({"folder": "x", "dhcp": {"delay": 2.0}}, "between 0 and 1.5"),
        ({"folder": "x", "dhcp": {"allow": ["52:54:00:12:34:56:78"]}}, "must be a MAC"),
        ({"folder": "x", "dhcp": {"allow": ["5254"]}}, "'5254'; it must be a MAC"),
        (
            {"folder": "x", "dhcp": {"relay": ["fd00::1"]}},
            "an IPv4 address or a network",
        ),
        ({"folder": "x", "dhcp": {"relay": [""]}}, "an IPv4 address or a network"),
        ({"folder": "x", "loop": "curio"}, "uvloop or asyncio or trio"),
        (
            {"folder": "x", "lease": {"time": 1}},
            "--lease-time is 1; it must be between",
        ),
        (
            {"folder": "x", "lease": {"min_time": 600, "max_time": 300}},
            "--lease-max-time is 300; it must not be less than --lease-min-time, 600",
        ),
        ({"folder": 7}, "FOLDER is 7; it must be a path"),
        ({"folder": ""}, "FOLDER is ''; it must be a path"),
        ({"folder": "a\0b"}, "FOLDER is no path: it holds a NUL"),
        ({"folder": "~no-such-user/x"}, "FOLDER cannot be used: .*home"),
        ({"folder": "x", "boot": {"programs": ["a\0b"]}}, "--boot-programs is no path"),
        ({"folder": "x", "boot": {"menu_timeout": 10**400}}, "too large"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_must_be(values, message):
    with pytest.raises(ConfigError, match=message):
        build(values)


SECONDS = [
    (setting.part, setting.name, setting.flag)
    for setting in settings()
    if setting.kind is float
]


@pytest.mark.parametrize(("part", "name", "flag"), SECONDS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "1000001", "-1"])
def test_seconds_are_finite_and_bounded(part, name, flag, value):
    given = {name: float(value)}
    with pytest.raises(ConfigError, match=rf"^{flag} is .* between \d and [\d.]+$"):
        build({"folder": "x", **({part: given} if part else given)})


def test_there_are_settings_in_seconds():
    assert SECONDS


def test_what_is_given_twice_counts_once():
    config = build(
        {"folder": "x", "interface": ["b", "a", "b"], "address": ["::1"] * 2}
    )
    assert config.interface == ("b", "a")
    assert config.address == ("::1",)


def test_a_file_sets_what_flags_set(tmp_path):
    path = tmp_path / "boot.toml"
    path.write_text(
        'folder = "images"\ninterface = ["eth0", "eth1"]\n'
        "[tftp]\nport = 6969\nidle_timeout = 30\n"
        '[boot]\nprograms = ["/opt/ipxe"]\n'
    )
    assert build(read_toml(path)) == Config(
        tmp_path / "images",
        interface=("eth0", "eth1"),
        tftp=TftpConfig(port=6969, idle_timeout=30.0),
        boot=BootConfig(programs=(Path("/opt/ipxe"),)),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folder =", "is no TOML"),
        ("[tftp]\nport = -1", "boot.toml: --tftp-port is -1"),
        ("colour = 1", "boot.toml: there is no setting called colour"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, text, message):
    path = tmp_path / "boot.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_toml(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*no\.toml"):
        read_toml(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("privileged", "ports"),
    [(True, (69, 80, "proxy")), (False, (6969, 8080, "off"))],
)
def test_defaults_depend_on_who_runs_it(privileged, ports):
    config = Config(Path()).resolved(privileged=privileged)
    assert (config.tftp.port, config.http.port, config.dhcp.mode) == ports


def test_what_was_set_stays():
    config = Config(Path(), tftp=TftpConfig(port=1), dhcp=DhcpConfig(mode="proxy"))
    resolved = config.resolved(privileged=False)
    assert (resolved.tftp.port, resolved.dhcp.mode) == (1, "proxy")


def test_a_server_of_nothing_is_refused():
    off = {"enabled": False}
    values = {"folder": "x", "tftp": off, "http": off}
    with pytest.raises(ConfigError, match="nothing to serve"):
        build({**values, "dhcp": {"mode": "off"}}).resolved(privileged=True)
    with pytest.raises(ConfigError, match="nothing to serve"):
        build(values).resolved(privileged=False)
    assert build(values).resolved(privileged=True).dhcp.mode == "proxy"


@pytest.mark.parametrize(
    "files", [1 << 20, 4096 + 4096 + FILES_CONTENT + FILES_RESERVE]
)
def test_limits_stay_where_enough_files_may_be_open(files):
    assert Config(Path()).within(files) == Config(Path())


@pytest.mark.parametrize("files", [256, 1024, 12_000])
@pytest.mark.parametrize("tftp", [True, False])
@pytest.mark.parametrize("http", [True, False])
def test_limits_fit_the_files_that_may_be_open(files, tftp, http):
    config = Config(
        Path(), tftp=TftpConfig(enabled=tftp), http=HttpConfig(enabled=http)
    )
    fitting = config.within(files)
    transfers = fitting.tftp.max_transfers * tftp
    connections = fitting.http.max_connections * http
    content = min(FILES_CONTENT, connections, (files - FILES_RESERVE) // 3)
    needed = transfers + connections + content + FILES_RESERVE
    assert needed <= files or not (tftp or http)
    assert needed > min(files, 4000) - 4 or fitting == config


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 2), (64, WORKERS_USUAL)])
def test_there_is_a_worker_for_each_core_that_may_be_used(monkeypatch, cores, workers):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr("fastboot._ext.active", lambda: ("a compiled part",))
    assert usual_workers() == workers
    assert Config(Path()).resolved(privileged=True).workers == workers
    assert Config(Path(), workers=7).resolved(privileged=True).workers == 7


def test_there_is_one_worker_where_more_are_of_no_use(monkeypatch):
    """Python runs one thread at a time; macOS gives all to the socket opened last."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr("fastboot._ext.active", lambda: ())
    assert usual_workers() == 1
    monkeypatch.setattr("fastboot._ext.active", lambda: ("a compiled part",))
    monkeypatch.setattr("sys.platform", "darwin")
    assert usual_workers() == 1


@pytest.mark.parametrize(("files", "workers"), [(1 << 20, 4), (1000, 4), (300, 1)])
def test_workers_leave_files_for_clients(files, workers):
    fitting = Config(Path(), workers=4).within(files)
    assert fitting.workers == workers
    needed = fitting.tftp.max_transfers + fitting.http.max_connections
    needed += FILES_RESERVE + FILES_WORKER * (workers - 1)
    assert needed <= files


def test_https_has_as_many_connections_as_http():
    alone = Config(Path(), https=HttpsConfig(enabled=False)).within(8000)
    both = Config(Path(), https=HttpsConfig(enabled=True)).within(8000)
    assert both.http.max_connections < alone.http.max_connections
    needed = both.tftp.max_transfers + 2 * both.http.max_connections
    assert needed + FILES_CONTENT <= 8000


def test_ten_thousand_connections_fit_where_the_limit_allows_them():
    http = HttpConfig(max_connections=10_000)
    config = Config(Path(), tftp=TftpConfig(enabled=False), http=http)
    assert config.within(12_000).http.max_connections == 10_000


def test_each_place_has_files_of_its_own():
    least = FILES_RESERVE + 3
    config = Config(Path(), interface=("eth0", "eth1"), address=("192.0.2.2",))
    with pytest.raises(ConfigError, match=f"needs {least + 3 * FILES_PLACE}"):
        config.within(least + 3 * FILES_PLACE - 1)
    assert config.within(least + 3 * FILES_PLACE).tftp.max_transfers == 1


def test_too_few_files_are_refused():
    with pytest.raises(ConfigError, match="only 16 files may be open at a time"):
        Config(Path()).within(16)


# Lists of tables


@dataclass(frozen=True, slots=True)
class Shelf:
    """A table within a table."""

    width: int = setting(MISSING, "Centimetres.")
    labels: tuple[str, ...] = setting((), "What is written on it.")


@dataclass(frozen=True, slots=True)
class Room:
    """A table that a file may hold several of."""

    name: str = setting("cellar", "What it is called.")
    height: float = setting(2.0, "Metres.")
    shelf: tuple[Shelf, ...] = ()
    more: Mapping[str, Any] = setting(None, "Anything.")

    def __post_init__(self):
        between(self, height=(1, 5))


@dataclass(frozen=True, slots=True)
class HouseConfig:
    """A part with a list of tables."""

    room: tuple[Room, ...] = ()


def house(text):
    return _make(HouseConfig, tomllib.loads(text), "house")


def test_a_list_of_tables_becomes_dataclasses_within_dataclasses():
    text = """
        [[room]]
        name = "attic"
        more = { 6 = "x", list = [1] }
        [[room]]
        height = 3
        [[room.shelf]]
        width = 7
        labels = ["a", "b"]
        [[room.shelf]]
        width = 8
    """
    assert house(text) == HouseConfig(
        (
            Room("attic", more={"6": "x", "list": [1]}),
            Room(height=3.0, shelf=(Shelf(7, ("a", "b")), Shelf(8))),
        )
    )


def test_a_list_of_tables_is_no_setting_of_its_own():
    assert list(settings(HouseConfig)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("room = 1", r"^house.room is a list of tables: write \[\[house.room\]\] bef"),
        ("room = [1]", r"^house.room is a list of tables"),
        ("[room]", r"^house.room is a list of tables"),
        (
            "[[room]]\n[[room]]\nnaem = 1",
            r"^\[\[house.room\]\] number 2: there is no s",
        ),
        ("[[room]]\nname = 1", r"number 1: name is 1; it must be a text$"),
        ("[[room]]\nheight = 9", r"number 1: height is 9.0; it must be between 1 and"),
        ("[[room]]\nmore = 9", r"number 1: more is 9; it must be a table$"),
        (
            "[[room]]\n[[room.shelf]]",
            r"^\[\[house.room\]\] number 1: \[\[house.room.shelf\]\] number 1: width is",
        ),
    ],
)
def test_a_mistake_in_a_table_is_named_with_its_place(text, message):
    with pytest.raises(ConfigError, match=message):
        house(text)


@pytest.mark.parametrize("text", ["a = " + "[" * 20_000, "a = " + "{b=" * 20_000])
def test_D6_a_file_that_is_nested_without_end_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "boot.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"nested too deeply|no TOML"):
        read_toml(path)
