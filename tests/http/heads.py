"""Heads of requests, however they arrive."""

from __future__ import annotations

import pytest

from fastboot.http.limits import BadRequest
from fastboot.http.message import decode

HOST = b"Host: boot\r\n"


def head_of(data):
    """The head that `data` is, which must not depend on how it arrives."""
    decoded = decode(data)
    assert decoded is not None
    head, consumed = decoded
    assert consumed == len(data)
    assert decode(data + b"GET /next HTTP/1.1\r\n") == (head, consumed)  # with a tail
    for stop in range(len(data)):  # split at every byte
        assert decode(bytearray(data[:stop])) is None
    return head


def refusal_of(data):
    """The status `data` is refused with, at whatever byte it shows."""
    with pytest.raises(BadRequest) as whole:
        decode(data)
    for stop in range(len(data)):
        try:
            assert decode(data[:stop]) is None
        except BadRequest as early:
            assert (early.status, str(early)) == (  # noqa: PT017
                whole.value.status,
                str(whole.value),
            )
            break
    return whole.value.status
