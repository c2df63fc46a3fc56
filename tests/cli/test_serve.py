"""`fastboot serve` as a program: what it prints, its signals and exit codes."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import pytest

import download
from command import COMMAND, FREE, complaint, run
from peers import need, need_root
from serving import Serving

LOOPS = ("asyncio", "uvloop", "trio")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "debian").mkdir()
    (tmp_path / "debian/linux").write_bytes(b"kernel")
    (tmp_path / "debian/initrd.gz").write_bytes(b"initrd")
    return tmp_path


@pytest.mark.parametrize("loop", LOOPS)
def test_a_folder_is_served_over_tftp_and_http(folder, loop):
    with Serving(folder, *FREE, "--dhcp", "off", "--loop", loop) as server:
        assert download.tftp(server.port("tftp"), "file") == b"content"
        assert download.http_get(server.port("http"), "file") == b"content"
        server.wait_for(
            {"event": "Finished", "protocol": "tftp", "name": "file", "size": 7}
        )


@pytest.mark.parametrize("name", ["boot.ipxe", "autoexec.ipxe"])
def test_the_menu_is_the_same_over_both_protocols(folder, name):
    with Serving(folder, *FREE, "--dhcp", "off") as server:
        script = download.http_get(server.port("http"), name)
        assert script == download.tftp(server.port("tftp"), name)
    assert b"item entry1 debian" in script


def test_a_file_of_ones_own_replaces_the_menu(folder):
    (folder / "boot.ipxe").write_bytes(b"#!ipxe\nshell\n")
    with Serving(folder, *FREE, "--dhcp", "off") as server:
        assert download.http_get(server.port("http"), "boot.ipxe") == b"#!ipxe\nshell\n"


def large(folder):
    (folder / "large").write_bytes(bytes(150 << 20))


@pytest.mark.parametrize(
    ("loop", "number"),
    [*((loop, signal.SIGTERM) for loop in LOOPS), ("uvloop", signal.SIGHUP)],
)
def test_R9_a_signal_finishes_what_runs_and_leaves_with_zero(folder, loop, number):
    large(folder)
    with Serving(folder, *FREE, "--dhcp", "off", "--loop", loop) as server:
        port = server.port("http")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            head = sock.recv(100)
            server._process.send_signal(number)
            wait_for_refusal(port)
            size = len(head) + sum(map(len, iter(lambda: sock.recv(1 << 20), b"")))
            assert size > 150 << 20
        assert server._process.wait(30) == 0


def wait_for_refusal(port):
    pause = threading.Event()
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue  # it was in the queue of a door that was closed that moment
        pause.wait(0.01)
    raise AssertionError("the port stayed open")


def test_R9_a_second_sigterm_does_not_wait(folder):
    large(folder)
    server = subprocess.Popen(
        [*COMMAND, "serve", folder, *FREE, "--dhcp", "off", "--log-format", "json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with server, server.stdout as lines:
        listening = (json.loads(line) for line in lines)
        port = next(e["port"] for e in listening if e["protocol"] == "http")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.recv(100)
            server.send_signal(signal.SIGTERM)
            wait_for_refusal(port)
            server.send_signal(signal.SIGTERM)
            assert server.wait(10) == 1


def test_ctrl_c_leaves_without_a_traceback(folder):
    server = subprocess.Popen(
        [*COMMAND, "serve", folder, *FREE, "--dhcp", "off"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with server:
        for line in server.stdout:
            if "Ctrl-C" in line:
                break
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
        assert server.stderr.read() == ""


def banner(folder, *flags, env=None):
    """The first screen, up to its last line."""
    server = subprocess.Popen(
        [*COMMAND, "serve", folder, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "200", **(env or {})},
    )
    with server:
        lines = []
        for line in server.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        server.terminate()
    return "".join(lines)


def test_the_first_screen_says_what_is_served_where(folder):
    text = banner(folder, *FREE, "--dhcp", "off")
    assert f"serves {folder}" in text
    assert re.search(r"boots\s+debian", text)
    assert re.search(r"TFTP\s+port \d+ on 127\.0\.0\.1 \(lo\)", text)
    assert re.search(r"HTTP\s+port \d+ on 127\.0\.0\.1 \(lo\)", text)
    assert re.search(r"DHCP\s+off", text)


@pytest.mark.parametrize(
    ("flags", "places"),
    [
        (["--address", "::1"], r"::1 \(lo\)$"),
        (["--address", "0.0.0.0"], r"127\.0\.0\.1 \(lo\)"),
        (["--address", "::"], r"::1 \(lo\)"),
        (["--address", "127.0.0.5"], r"127\.0\.0\.5$"),
        (
            ["--address", "198.51.100.1"],
            r"198\.51\.100\.1 \(no interface has it yet\)$",
        ),
        (["--interface", "lo"], r"127\.0\.0\.1 \(lo\)$"),
        (
            ["--address", "127.0.0.1", "--address", "::1"],
            r"127\.0\.0\.1 \(lo\), port \d+ on ::1 \(lo\)$",
        ),
    ],
)
def test_the_first_screen_shows_the_addresses_that_are_open(folder, flags, places):
    lines = banner(folder, *FREE[:4], "--dhcp", "off", *flags).splitlines()
    for protocol in ("TFTP", "HTTP"):
        (line,) = (line for line in lines if line.startswith(f"  {protocol}"))
        assert re.search(rf"port \d+ on {places}", line.rstrip()), line


def test_the_first_screen_names_the_url_for_uefi_firmware(folder):
    (folder / "ipxe.efi").write_bytes(
        b"MZ".ljust(0x3C, b"\0") + b"\x40\0\0\0" + b"PE\0\0" + b"\x64\x86"
    )
    text = banner(folder, "--tftp-port", "0", "--http-port", "0", "--dhcp", "off")
    if not re.search(r"on .*\((?!lo\))", text):
        pytest.skip("this machine has no address but loopback")
    assert re.search(r"UEFI\s+.*http://[\d.]+:\d+/ipxe\.efi", text)


def test_the_first_screen_says_what_to_install_where_no_boot_program_is(folder):
    flags = (*FREE, "--dhcp", "off", "--boot-programs", str(folder / "none"))
    text = banner(folder, *flags)
    assert re.search(r"missing\s+no boot program for BIOS: put undionly\.kpxe", text)
    assert "install the package ipxe" in text


def test_an_empty_folder_says_what_to_add(tmp_path):
    assert "nothing yet: add a directory with" in banner(
        tmp_path, *FREE, "--dhcp", "off"
    )


def test_a_folder_that_does_not_exist_is_one_line(tmp_path):
    line = complaint("serve", tmp_path / "no")
    assert line == (
        f"fastboot: cannot serve {tmp_path}/no: No such file or directory; "
        "name a folder that exists and can be read"
    )


def test_no_folder_is_one_line():
    assert "no folder to serve was named" in complaint("serve")


@pytest.mark.parametrize("kind", ["tftp", "http"])
def test_R18_a_taken_port_is_one_line_that_names_the_holder(folder, kind):
    sort = socket.SOCK_DGRAM if kind == "tftp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, sort) as holder:
        holder.bind(("127.0.0.1", 0))
        if kind == "http":
            holder.listen()
        port = str(holder.getsockname()[1])
        flags = dict(zip(FREE[::2], FREE[1::2], strict=True))
        flags[f"--{kind}-port"] = port
        words = [word for flag in flags.items() for word in flag]
        line = complaint("serve", folder, *words, "--dhcp", "off")
    assert f"{kind.upper()} cannot listen on 127.0.0.1 port {port}: python" in line
    assert f"(pid {os.getpid()}) has it" in line
    assert f"choose another --{kind}-port" in line


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--htp-port", "1"], ["--htp-port", "--http-port", "serve --help"]),
        (["--http-port", "web"], ["--http-port", "web"]),
        (["--http-port", "70000"], ["70000", "between 0 and 65535"]),
        (["--dhcp", "on"], ["--dhcp", "proxy", "off"]),
        (["--interface", "nosuch0"], ["no interface nosuch0", "lo"]),
        (["--address", "here"], ["here", "address"]),
        (["--config", "no.toml"], ["cannot read no.toml"]),
        (["another-folder"], ["another-folder"]),
        (["--tftp-port", "70000"], ["--tftp-port is 70000"]),
        (["--http-idle-timeout", "nan"], ["--http-idle-timeout is nan"]),
        (["--drain-timeout", "inf"], ["--drain-timeout is inf"]),
        (["--boot-programs", ""], ["--boot-programs is ''", "a path"]),
        (["--no-tftp", "--no-http"], ["nothing to serve", "all off"]),
        (
            ["--interface", "lo", "--address", "198.51.100.1"],
            ["198.51.100.1 is not on lo", "127.0.0.1"],
        ),
        (
            ["--interface", "lo", "--address", "0.0.0.0"],
            ["0.0.0.0 is not on lo", "leave out --interface"],
        ),
    ],
)
def test_a_wrong_flag_is_one_line_that_says_what_to_do(folder, flags, words):
    line = complaint("serve", folder, *FREE[:4], "--dhcp", "off", *flags)
    assert all(word in line for word in words), line


def test_an_empty_folder_name_is_one_line():
    assert complaint("serve", "") == "fastboot: FOLDER is ''; it must be a path"


@pytest.mark.parametrize("key", ["folder", "boot.programs"])
def test_a_path_in_a_file_that_is_none_is_one_line(tmp_path, key):
    config = tmp_path / "boot.toml"
    config.write_text(f'{key} = "a\\u0000b"\n')
    assert "holds a NUL" in complaint("serve", tmp_path, "--config", config)


def test_a_folder_in_a_file_is_beside_it(tmp_path):
    (tmp_path / "boot.toml").write_text('folder = "images"\n')
    line = complaint("serve", "--config", tmp_path / "boot.toml")
    assert f"cannot serve {tmp_path}/images: No such file" in line


def test_a_folder_for_uploads_in_a_file_is_beside_it(folder, tmp_path):
    (tmp_path / "boot.toml").write_text('[tftp]\nport = 0\nuploads = "sent"\n')
    line = complaint("serve", folder, "--config", tmp_path / "boot.toml", *FREE[2:])
    assert f"cannot take uploads into {tmp_path}/sent: No such file" in line


def test_an_interface_that_is_named_twice_is_served_once(folder):
    twice = ("--interface", "lo", "--interface", "lo")
    with Serving(folder, *FREE[:4], "--dhcp", "off", *twice) as server:
        pass  # when it has left, all that it reported is here
    places = [e["address"] for e in server.events if e["event"] == "Listening"]
    assert len(places) == 2 * len(set(places))


def test_a_switch_is_one_variable(folder):
    env = {"FASTBOOT_TFTP": "no", "FASTBOOT_HTTP": "no"}
    line = complaint("serve", folder, "--dhcp", "off", env=env)
    assert "TFTP, HTTP and DHCP are all off" in line


def test_an_unknown_command_is_one_line():
    assert "'sevre'" in complaint("sevre")


def test_settings_come_from_flags_before_the_environment_before_a_file(folder):
    config = folder / "boot.toml"
    config.write_text(
        f'folder = "{folder}"\nlog_format = "text"\naddress = ["127.0.0.1"]\n'
        "[tftp]\nport = 1\nenabled = false\n[http]\nport = 1\n[dhcp]\nmode = 'proxy'\n"
    )
    variables = {
        "FASTBOOT_CONFIG": str(config),
        "FASTBOOT_HTTP_PORT": "2",
        "FASTBOOT_DHCP": "off",
        "FASTBOOT_LOG_FORMAT": "json",
    }
    server = subprocess.Popen(
        [*COMMAND, "serve", "--http-port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    with server, server.stdout as lines:
        event = json.loads(next(lines))
        assert (event["protocol"], event["address"]) == ("http", "127.0.0.1")
        assert event["port"] > 2
        server.terminate()
        assert not [line for line in lines if "Listening" in line]


@pytest.mark.parametrize(
    ("flags", "protocols"),
    [(["--no-tftp"], {"http"}), (["--no-http"], {"tftp"}), ([], {"tftp", "http"})],
)
def test_each_protocol_can_be_switched_off(folder, flags, protocols):
    wanted = tuple(sorted(protocols))
    with Serving(folder, *FREE, "--dhcp", "off", *flags, protocols=wanted) as server:
        listening = {e["protocol"] for e in server.events if e["event"] == "Listening"}
    assert listening == protocols


def test_the_version_says_whether_the_compiled_part_is_active():
    assert re.match(
        r"fastboot \d+\.\d+\.\d+ \(compiled parts ", run("--version").stdout
    )
    text = run("--version", env={"FASTBOOT_EXTENSIONS": "no"}).stdout
    assert "compiled parts not active" in text


def test_help_teaches_by_examples():
    text = run("serve", "--help").stdout
    assert "sudo fastboot serve ./images" in text
    assert "cmdline" in text
    assert "--http-port" in text


def test_without_a_command_the_help_is_shown():
    done = run()
    assert done.returncode == 2
    assert re.search(r"^ +serve +Serve FOLDER to", done.stdout, re.MULTILINE)
    assert done.stderr == ""


def test_without_root_the_ports_are_high_and_that_is_said():
    need_root()  # to become somebody else, who can still read this Python
    somebody = [need("setpriv"), "--reuid", "65534", "--regid", "65534"]
    caps = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        server = subprocess.Popen(
            [*somebody, "--clear-groups", *caps, *COMMAND, "serve", folder],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )
        with server, server.stdout as lines:
            text = ""
            for line in lines:
                text += line
                if "Ctrl-C" in line:
                    break
            server.terminate()
    assert re.search(r"TFTP\s+port 6969", text), text
    assert re.search(r"HTTP\s+port 8080", text)
    assert re.search(r"DHCP\s+off", text)
    assert "Not root" in text
    again = shlex.join([sys.executable, "-m", "fastboot", "serve", folder])
    assert f"\n  sudo {again}\n" in text


def test_a_server_without_a_network_says_so_in_one_line(folder, tmp_path):
    flags = (*FREE, "--dhcp", "server", "--lease-file", tmp_path / "leases")
    line = complaint("serve", folder, *flags)
    assert "there is no network to give addresses of" in line
