"""Certificates given by a person: used, or refused in one line that says what to do."""

from __future__ import annotations

import errno
import os
import shutil
import ssl
from base64 import b64decode
from decimal import Decimal, getcontext

import pytest

from fastboot.errors import ConfigError
from fastboot.tls import context as module
from fastboot.tls import sockets
from fastboot.tls.context import ENABLE_KTLS, FFDHE2048, check_private, make_context
from fastboot.tls.sockets import kernel_knows_tls


@pytest.fixture
def pair(made, tmp_path):
    """A certificate and its key, to be spoilt."""
    _, ((certificate, key), _) = made
    return (
        shutil.copy(certificate, tmp_path / "own.pem"),
        shutil.copy(key, tmp_path / "own.key"),
    )


def suites(context):
    return [suite["name"] for suite in context.get_ciphers()]


def test_versions_and_suites_are_those_that_boot_clients_know(made):
    context = make_context(made[1])
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    names = suites(context)
    for known in (
        "TLS_AES_128_GCM_SHA256",  # TLS 1.3
        "ECDHE-ECDSA-AES128-GCM-SHA256",  # iPXE since 2022, UEFI
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-SHA384",
    ):
        assert known in names
    assert not [name for name in names if not name.startswith(("TLS_", "ECDHE-"))]


def test_what_ipxe_knew_before_2022_is_there_for_who_asks(made):
    names = suites(make_context(made[1], legacy=True))
    assert {"AES128-SHA256", "AES256-SHA"} <= set(names)
    assert names.index("ECDHE-RSA-AES128-GCM-SHA256") < names.index("AES128-SHA256")
    assert not [name for name in names if "RC4" in name or "DES" in name]


def test_with_forward_secrecy_comes_first(made):
    names = suites(make_context(made[1], legacy=True))
    assert names.index("DHE-RSA-AES128-SHA256") < names.index("AES128-SHA256")


def test_the_group_is_that_of_rfc_7919():
    der = b64decode("".join(FFDHE2048.splitlines()[1:-1]))
    getcontext().prec = 700
    e = int(Decimal(1).exp() * 2**1918)  # appendix A.1
    prime = 2**2048 - 2**1984 + (e + 560316) * 2**64 - 1
    # SEQUENCE of 264 bytes: INTEGER of 257, the prime; INTEGER of 1, the generator
    assert der == b"\x30\x82\x01\x08\x02\x82\x01\x01" + prime.to_bytes(257) + b"\2\1\2"


def test_H8_nothing_is_negotiated_again(made):
    assert make_context(made[1]).options & ssl.OP_NO_RENEGOTIATION


@pytest.mark.parametrize("knows", [True, False])
def test_the_kernel_is_to_encrypt_where_it_can_unless_that_is_switched_off(
    made, monkeypatch, knows
):
    monkeypatch.setattr(module, "kernel_knows_tls", lambda: knows)
    assert bool(make_context(made[1]).options & ENABLE_KTLS) is knows
    assert not make_context(made[1], kernel=False).options & ENABLE_KTLS


class Asked:
    """A socket without a connection, of a kernel that answers so."""

    def __init__(self, answer):
        self.answer = answer

    def __enter__(self):
        return self

    def __exit__(self, *failed):
        pass

    def setsockopt(self, level, option, value):
        assert (level, option, value) == (6, 31, b"tls")  # IPPROTO_TCP, TCP_ULP
        raise OSError(self.answer, "")


@pytest.mark.parametrize(
    ("answer", "knows"),
    [
        (errno.ENOENT, False),  # it has no such thing
        (errno.ENOPROTOOPT, False),  # before Linux 4.13
        (errno.ENOTCONN, True),  # it has, and no connection to use it on
        (errno.EPERM, True),  # who knows: OpenSSL finds out
    ],
)
def test_a_kernel_without_tls_is_not_asked_at_each_handshake(
    monkeypatch, answer, knows
):
    monkeypatch.setattr(sockets.socket, "socket", lambda: Asked(answer))
    monkeypatch.setattr(sockets.sys, "platform", "linux")
    assert kernel_knows_tls.__wrapped__() is knows


def test_one_ticket_is_enough_for_a_client_that_comes_back(made):
    assert make_context(made[1]).num_tickets == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_H9_a_key_that_others_can_read_is_refused(pair, mode):
    os.chmod(pair[1], mode)
    with pytest.raises(ConfigError, match=f"mode is {mode:04o}.*chmod 600") as error:
        make_context([pair])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_H9_a_key_that_is_ours_alone_is_used(pair, mode):
    os.chmod(pair[1], mode)
    assert make_context([pair])


def test_H9_a_key_of_another_user_is_refused(pair, monkeypatch):
    owner = os.stat(pair[1]).st_uid
    monkeypatch.setattr(module.os, "geteuid", lambda: owner + 1)
    if owner == 0:  # root's keys are taken by everybody who can read them
        check_private(pair[1])
        os.chown(pair[1], 4711, -1)
    with pytest.raises(ConfigError, match=r"belongs to another user.*chown"):
        check_private(pair[1])


def test_H9_what_is_no_file_is_no_key(tmp_path):
    with pytest.raises(ConfigError, match="is not a file"):
        check_private(tmp_path)


def test_a_key_that_is_missing_is_one_line(pair, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the key .*No such file"):
        make_context([(pair[0], tmp_path / "none.key")])


def test_a_certificate_that_is_missing_is_one_line(pair, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*none.pem: No such file"):
        make_context([(tmp_path / "none.pem", pair[1])])


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\0" * 1000])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_no_certificate_or_key_is_one_line(pair, which, content):
    pair[which].write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be used with the key") as error:
        make_context([pair])
    assert "\n" not in str(error.value)


def test_a_key_of_another_certificate_is_one_line(pair, made):
    with pytest.raises(ConfigError, match="belong to each other"):
        make_context([(pair[0], made[1][1][1])])
