"""Settings: one definition for flags, files and the environment."""

from pathlib import Path

import pytest

from fastboot.cli import command
from fastboot.config import BootConfig, Config, DhcpConfig, HttpConfig, TftpConfig
from fastboot.errors import ConfigError
from fastboot.settings import build, read_toml, settings

NAMES = [(setting.part, setting.name) for setting in settings()]


def test_every_field_is_a_setting():
    parts = {
        "": Config,
        "tftp": TftpConfig,
        "http": HttpConfig,
        "dhcp": DhcpConfig,
        "boot": BootConfig,
    }
    fields = {
        (part, name)
        for part, kind in parts.items()
        for name in kind.__dataclass_fields__
        if name not in parts
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
        ({"folder": "x", "tftp": {"max_windowsize": 0}}, "must be 1 or more"),
        ({"folder": "x", "http": {"enabled": 1}}, "true or false"),
        ({"folder": "x", "dhcp": {"mode": "on"}}, "proxy or off"),
        ({"folder": "x", "loop": "curio"}, "uvloop or asyncio or trio"),
        ({"folder": 7}, "must be a path"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_must_be(values, message):
    with pytest.raises(ConfigError, match=message):
        build(values)


def test_a_file_sets_what_flags_set(tmp_path):
    path = tmp_path / "boot.toml"
    path.write_text(
        'folder = "images"\ninterface = ["eth0", "eth1"]\n'
        "[tftp]\nport = 6969\nidle_timeout = 30\n"
        '[boot]\nprograms = ["/opt/ipxe"]\n'
    )
    assert build(read_toml(path)) == Config(
        Path("images"),
        interface=("eth0", "eth1"),
        tftp=TftpConfig(port=6969, idle_timeout=30.0),
        boot=BootConfig(programs=(Path("/opt/ipxe"),)),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folder =", "is no TOML"),
        ("[tftp]\nport = -1", "boot.toml: port is -1"),
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
