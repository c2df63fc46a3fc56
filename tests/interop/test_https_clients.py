"""Real TLS clients: curl, wget, aria2, and OpenSSL's own with one suite at a time."""

from __future__ import annotations

import pytest

from interop.files import BIG, BIG_SIZE, SIZES

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CURL = "curl --silent --show-error --write-out %{{http_code}} --cacert {ca} "

ARIA2 = (
    "aria2c --quiet --no-conf --ca-certificate={ca} --allow-overwrite=true "
    "--dir={target.parent} --out={target.name} "
)


@pytest.mark.parametrize("name", [*SIZES, BIG])
@pytest.mark.parametrize(
    "line",
    [
        CURL + "--output {target} {secure}/{name}",
        CURL + "--output {target} --tls-max 1.2 {secure}/{name}",
        CURL + "--output {target} --http1.0 {secure}/{name}",
        "wget -q --ca-certificate={ca} -O {target} {secure}/{name}",
        ARIA2 + "{secure}/{name}",
    ],
    ids=["curl", "curl-tls1.2", "curl-http1.0", "wget", "aria2"],
)
def test_a_file_arrives_bit_for_bit(client, files, target, line, name):
    result = client(line, name=name)
    assert result.returncode == 0, result
    assert target.read_bytes() == (files / name).read_bytes()


def test_curl_resumes_a_download(client, target, files):
    big = (files / BIG).read_bytes()
    target.write_bytes(big[:20_000_000])
    result = client(CURL + "--output {target} --continue-at - {secure}/big")
    assert (result.returncode, result.stdout) == (0, "206")
    assert target.read_bytes() == big


def test_curl_makes_50_requests_on_one_connection(client):
    line = (
        "curl --silent --cacert {ca} --write-out '%{{http_code}} %{{num_connects}},' "
    )
    result = client(line + "--output part#1 {secure}/513?[1-50]")
    assert result.stdout == "200 1," + 49 * "200 0,"


def test_curl_does_not_trust_what_it_was_not_told_to(client):
    assert client("curl --silent {secure}/513").returncode == 60


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_names_and_addresses_are_in_the_certificate(client, host):
    line = CURL + "--output {target} --connect-to {host}::127.0.0.1: "
    result = client(line + "https://{host}:{https}/513", host=host)
    assert (result.returncode, result.stdout) == (0, "200")


SUITES_12 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-RSA-AES256-SHA384",
)
SUITES_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384")

S_CLIENT = (
    "openssl s_client -brief -connect 127.0.0.1:{https} -CAfile {ca} "
    "-verify_return_error -verify_ip 127.0.0.1 "
)


@pytest.mark.parametrize(
    "choice",
    [
        *(f"-tls1_2 -cipher {suite}" for suite in SUITES_12),
        *(f"-tls1_3 -ciphersuites {suite}" for suite in SUITES_13),
        "-tls1_2 -maxfraglen 4096",  # as iPXE always asks
        "-noservername",
        "-tls1_2 -groups P-256",
        "-tls1_2 -groups X25519",
    ],
)
def test_openssl_shakes_hands_with_each_suite(client, choice):
    result = client(S_CLIENT + choice)
    assert result.returncode == 0, result
    assert "Verification: OK" in result.stderr
    suite = choice.split()[-1]
    if suite in SUITES_12 + SUITES_13:
        assert f"Ciphersuite: {suite}" in result.stderr


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_H8_openssl_is_refused_old_versions(client, version):
    assert client(S_CLIENT + version + " -cipher ALL:@SECLEVEL=0").returncode != 0


def test_curl_sees_the_size_with_head(client):
    result = client(CURL + "--head {secure}/big")
    assert f"Content-Length: {BIG_SIZE}" in result.stdout
