"""`fastboot serve --https` and `fastboot cert` as programs."""

import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.request

import pytest

from command import FREE, complaint, run
from peers import need
from serving import Serving

HTTPS = (
    *(*FREE, "--dhcp", "off", "--https", "--https-port", "0"),
    *("--http-max-connections", "100"),  # which there are files for on any machine
)
BOTH = ("http", "https")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "file").write_bytes(b"content")
    return tmp_path / "images"


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def fetch(server, authority, path="/file"):
    url = f"https://127.0.0.1:{server.port('https')}{path}"
    context = ssl.create_default_context(cafile=authority)
    with urllib.request.urlopen(url, context=context, timeout=30) as answer:
        return answer.read()


def serve(folder, *flags, place=lambda *command: list(command)):
    return Serving(folder, *HTTPS, *flags, protocols=BOTH, place=place)


def test_certificates_are_made_at_the_first_start_and_kept(folder, state):
    for _ in range(2):
        with serve(folder, "--https-state", str(state)) as server:
            assert fetch(server, state / "ca.pem") == b"content"
        kept = {path.name: path.read_bytes() for path in state.iterdir()}
    with serve(folder, "--https-state", str(state)) as server:
        assert fetch(server, state / "ca.pem") == b"content"
    assert kept == {path.name: path.read_bytes() for path in state.iterdir()}


def test_a_certificate_that_is_given_is_used(folder, state):
    run("cert", "--https-state", state, "--https-name", "127.0.0.1")
    given = [
        *("--https-certificate", str(state / "rsa.pem")),
        *("--https-key", str(state / "rsa.key")),
        *("--https-state", str(state / "unused")),
    ]
    with serve(folder, *given) as server:
        assert fetch(server, state / "ca.pem") == b"content"
    assert not (state / "unused").exists()


def test_cert_makes_what_serve_uses_and_tells_what_to_enrol(folder, state):
    done = run("cert", "--https-state", state, "--https-name", "boot.example")
    assert done.returncode == 0, done
    assert "boot.example" in done.stdout
    assert f"TRUST={state / 'ca.pem'}" in done.stdout
    assert "TLS Auth Configuration" in done.stdout
    authority = (state / "ca.pem").read_bytes()
    with serve(folder, "--https-state", str(state)) as server:
        assert fetch(server, state / "ca.pem") == b"content"
        tried = re.search(r"curl --cacert \S+ https://[^/]+(/\S+)", done.stdout)
        assert b'"status"' in fetch(server, state / "ca.pem", tried[1])
    assert (state / "ca.pem").read_bytes() == authority


def test_where_the_state_belongs_is_known_without_a_flag(tmp_path):
    """The XDG Base Directories, for whoever is not root."""
    code = (
        "from fastboot.config.setting import state_folder as f; print(f(privileged=0))"
    )
    for value, folder in (
        (str(tmp_path), tmp_path / "fastboot"),
        ("", tmp_path / ".local/state/fastboot"),
        ("relative", tmp_path / ".local/state/fastboot"),
    ):
        env = {**os.environ, "XDG_STATE_HOME": value, "HOME": str(tmp_path)}
        line = subprocess.check_output([sys.executable, "-c", code], env=env, text=True)
        assert line == f"{folder}\n"


def test_H9_a_key_that_others_can_read_ends_the_start_with_one_line(folder, state):
    run("cert", "--https-state", state)
    (state / "rsa.key").chmod(0o644)
    line = complaint("serve", folder, *HTTPS, "--https-state", state)
    assert "rsa.key can be read by others" in line
    assert "chmod 600" in line
    line = complaint("cert", "--https-state", state)
    assert "rsa.key can be read by others" in line


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--https-certificate", "a.pem"), "give one key with each certificate"),
        (("--https-key", "a.key"), "give one key with each certificate"),
        (
            ("--https-certificate", "a.pem", "--https-key", "a.key"),
            "cannot read the key",
        ),
        (("--https-name", "no host"), "must be a host name or an IP address"),
        (("--https-state", "/proc/1/x"), "choose another --https-state"),
    ],
)
def test_a_wrong_flag_is_one_line_that_says_what_to_do(folder, tmp_path, flags, words):
    assert words in complaint("serve", folder, *HTTPS, *flags, cwd=tmp_path)


def test_cert_does_not_speak_of_certificates_that_were_given():
    line = complaint("cert", "--https-certificate", "a.pem", "--https-key", "a.key")
    assert "the authority that signed it" in line


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_R8_a_hangup_has_certificates_read_again_and_bad_ones_are_not_used(
    folder, state, loop
):
    def apart(*command):
        return [need("setsid"), *command]  # a service has no terminal

    flags = ("--https-state", str(state), "--loop", loop)
    with serve(folder, *flags, place=apart) as server:
        old = (state / "ca.pem").read_bytes()
        for path in state.iterdir():
            path.unlink()
        server._process.send_signal(signal.SIGHUP)
        server.wait_for({"event": "Reloaded", "protocol": "https", "reason": ""})
        assert (state / "ca.pem").read_bytes() != old
        assert fetch(server, state / "ca.pem") == b"content"

        key = state / "rsa.key"
        key.chmod(0o644)
        server._process.send_signal(signal.SIGHUP)
        reason = (
            f"the key {key} can be read by others (its mode is 0644); run "
            f"`chmod 600 {key}`, better with a new key"
        )
        server.wait_for({"event": "Reloaded", "protocol": "https", "reason": reason})
        assert fetch(server, state / "ca.pem") == b"content"
