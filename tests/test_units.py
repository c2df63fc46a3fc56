"""The systemd units and the Containerfile, judged by the tools that read them."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fastboot.cli import command
from fastboot.settings import settings
from peers import need, need_root

ROOT = Path(__file__).parents[1]
UNITS = ROOT / "examples" / "systemd"
SERVICE = UNITS / "fastboot.service"
EXPOSED = 20
"""Tenths of what `systemd-analyze security` calls exposure, of 100 at the worst."""


class Repeated(dict):
    """Keys of a unit may stand more than once, each time for one more value."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


@pytest.fixture(scope="module")
def service():
    if not SERVICE.exists():
        pytest.skip("the examples are not installed")
    unit = configparser.RawConfigParser(strict=False, dict_type=Repeated)
    unit.optionxform = str
    unit.read(SERVICE)
    return {key: value.split("\n") for key, value in unit["Service"].items()}


@pytest.fixture
def units(service, tmp_path):
    """The units in a folder of their own, for a program that is there."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    text = SERVICE.read_text().replace("/usr/local/bin/fastboot", sys.executable)
    (folder / SERVICE.name).write_text(text)
    return sorted(folder.iterdir())


@pytest.mark.interop
def test_systemd_finds_no_fault_in_the_units(units):
    done = subprocess.run(
        [need("systemd-analyze"), "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.interop
def test_systemd_finds_the_service_well_locked_in(service):
    judge = [need("systemd-analyze"), "security", "--offline=true", "--no-pager"]
    subprocess.run([*judge, f"--threshold={EXPOSED}", SERVICE], check=True)


def test_the_service_is_given_settings_that_there_are(service):
    variables = {setting.variable for setting in settings()} | {"FASTBOOT_FOLDER"}
    for line in service["Environment"]:
        assert line.partition("=")[0] in variables


def test_the_service_runs_a_command_that_there_is(service):
    (line,) = service["ExecStart"]
    assert shlex.split(line)[1] in command.commands


def test_each_socket_is_the_services_own(service):
    names = {path.name for path in UNITS.glob("*.socket")}
    assert set(service["Sockets"][0].split()) == names


@pytest.mark.interop
def test_the_rights_that_the_service_has_suffice(service):
    """As nobody, with those rights alone, in a network of its own: DHCP and all ports."""
    need_root()
    (rights,) = service["AmbientCapabilities"]
    names = [right.removeprefix("CAP_").lower() for right in rights.split()]
    names.append("dac_read_search")  # where this Python is for root alone to read
    given = ",".join(f"+{name}" for name in names)
    server = shlex.join([sys.executable, "-m", "fastboot", "serve"])
    flags = (
        "--tftp-port 69 --http-port 80 --dhcp proxy --interface lo --log-format json"
    )
    limits = [
        *(need("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups"),
        *(f"--inh-caps=-all,{given}", f"--ambient-caps=-all,{given}"),
        *(f"--bounding-set=-all,{given}", "--no-new-privs"),
    ]
    started = f"ip link set lo up; exec {shlex.join(limits)} {server} {flags}"
    with subprocess.Popen(
        [
            need("unshare"),
            "--net",
            "bash",
            "-c",
            f"{started} {UNITS.parent / 'images'}",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={"HOME": "/", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    ) as process:
        try:
            heard = ""
            for line in process.stdout:
                heard += line
                if all(f'"port": {port}' in heard for port in (69, 80, 67, 4011)):
                    break
            else:
                pytest.fail(heard)
        finally:
            process.terminate()
            process.communicate()


@pytest.fixture(scope="module")
def recipe():
    return (ROOT / "Containerfile").read_text()


def test_what_the_container_is_built_from_is_there(recipe):
    if not (ROOT / "fastboot").exists():
        pytest.skip("the package is installed, without its source")
    for line in re.findall(r"^COPY (?!--from)(.+)$", recipe, re.MULTILINE):
        *sources, _ = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source


def test_the_container_has_what_the_package_is_built_with(recipe):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extra,) = re.findall(r"'\.\[(\w+)\]'", recipe)
    assert extra in project["optional-dependencies"]
    version = re.search(r"python:(3\.\d+)", recipe)[1]
    assert tuple(map(int, version.split("."))) >= (3, 11)


def test_the_container_is_given_settings_that_there_are(recipe):
    variables = {setting.variable for setting in settings()}
    own = {"FASTBOOT_FOLDER", "FASTBOOT_EXTENSIONS"}
    assert set(re.findall(r"FASTBOOT_\w+", recipe)) <= variables | own


def test_the_container_asks_for_the_rights_of_the_service(recipe, service):
    (rights,) = service["AmbientCapabilities"]
    named = re.findall(r"--cap-add (\w+)", recipe)
    assert [f"CAP_{name}" for name in named] == rights.split()
