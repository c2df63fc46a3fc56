"""Clients that come back: their TLS sessions go on, also after the server's SIGHUP."""

from __future__ import annotations

import signal
import subprocess

import pytest

from interop.conftest import LIMIT
from peers import need
from serving import Serving

pytestmark = [pytest.mark.interop, pytest.mark.slow]

VERSIONS = ["-tls1_2", "-tls1_3"]


@pytest.fixture
def openssl(server, tmp_path):
    """See `asking`."""
    return asking(server, tmp_path)


def asking(server, tmp_path):
    """Asks for a file with OpenSSL's client and more flags; what it says of the session."""

    def run(*flags):
        port = server.port("https")
        result = subprocess.run(
            [
                *(need("openssl"), "s_client", "-ign_eof"),
                *("-connect", f"127.0.0.1:{port}", *flags),
            ],
            input="GET /513 HTTP/1.0\r\n\r\n",  # it stays until the server has left
            cwd=tmp_path,
            capture_output=True,
            encoding="latin-1",
            timeout=LIMIT,
        )
        assert "HTTP/1.1 200 " in result.stdout, result
        starts = ("New, TLS", "Reused, TLS")
        (line,) = {x for x in result.stdout.splitlines() if x.startswith(starts)}
        return line.partition(",")[0]

    return run


def hang_up(server):
    """Have the server read its certificates again."""
    before = sum(event["event"] == "Reloaded" for event in server.events)
    server._process.send_signal(signal.SIGHUP)
    with server._news:
        assert server._news.wait_for(
            lambda: sum(e["event"] == "Reloaded" for e in server.events) > before, LIMIT
        )


@pytest.mark.parametrize("version", VERSIONS)
def test_openssl_resumes_a_session(openssl, version):
    assert openssl(version, "-sess_out", "session") == "New"
    assert openssl(version, "-sess_in", "session") == "Reused"


def test_openssl_resumes_a_session_without_tickets(openssl):
    assert openssl("-tls1_2", "-no_ticket", "-sess_out", "session") == "New"
    assert openssl("-tls1_2", "-no_ticket", "-sess_in", "session") == "Reused"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_outlives_sighup(server, openssl, version):
    assert openssl(version, "-sess_out", "session") == "New"
    hang_up(server)
    assert openssl(version, "-sess_in", "session") == "Reused"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_goes_on_with_whichever_worker_has_the_next_connection(
    files, state, tmp_path, version
):
    flags = "--address 127.0.0.1 --no-tftp --no-http --dhcp off --https --https-port 0"
    ours = (*flags.split(), "--https-state", str(state), "--workers", "3")
    with Serving(files, *ours, protocols=("https",)) as server:
        ask = asking(server, tmp_path)
        assert ask(version, "-sess_out", "session") == "New"
        # Of ten connections all go to the first's worker once in 59,000 times.
        assert {ask(version, "-sess_in", "session") for _ in range(10)} == {"Reused"}


def test_no_early_data_is_taken(openssl, tmp_path):
    (tmp_path / "early").write_text("GET /513 HTTP/1.0\r\n\r\n", "ascii")
    openssl("-tls1_3", "-sess_out", "session")
    kept = subprocess.run(
        [need("openssl"), "sess_id", "-in", tmp_path / "session", "-noout", "-text"],
        capture_output=True,
        encoding="latin-1",
        check=True,
    )
    assert "Max Early Data: 0" in kept.stdout


@pytest.mark.parametrize("version", ["--tls-max 1.2", "--tlsv1.3"])
def test_curl_resumes_a_session(client, version):
    line = f"curl --silent --verbose --cacert {{ca}} {version} --header "
    line += "'Connection: close' --output part#1 {secure}/513?[1-3]"
    result = client(line)
    assert result.returncode == 0, result
    assert result.stderr.count("using session ID") == 2
