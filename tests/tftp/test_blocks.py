"""Blocks of a blob: RFC 1350, sections 5 and 6, and netascii (RFC 764)."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.errors import ContentChanged
from fastboot.tftp.blocks import NetasciiBlocks, OctetBlocks
from fastboot.tree import Blob


def netascii(text):
    """The conversion in one go: the oracle of the blocks."""
    return b"".join(
        {10: b"\r\n", 13: b"\r\0"}.get(byte, bytes([byte])) for byte in text
    )


def undo(data):
    return data.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r")


def all_blocks(blocks, blksize, window):
    whole, first = [], 1
    while not whole or len(whole[-1]) == blksize:
        got = blocks.window(first, window)
        whole += got
        first += len(got)
    return whole


@pytest.mark.parametrize(
    ("size", "lengths"),
    [
        (0, [0]),
        (1, [1]),
        (511, [511]),
        (512, [512, 0]),  # an exact multiple ends with an empty block
        (513, [512, 1]),
        (1024, [512, 512, 0]),
    ],
)
@pytest.mark.parametrize("window", [1, 2, 3, 64])
@pytest.mark.parametrize("kind", [OctetBlocks, NetasciiBlocks])
def test_T9_the_last_block_is_short_or_empty(kind, window, size, lengths):
    blocks = kind(Blob.from_bytes(b"x" * size), 512)
    assert [len(block) for block in all_blocks(blocks, 512, window)] == lengths


def test_octet_blocks_can_be_asked_for_again():
    blocks = OctetBlocks(Blob.from_bytes(bytes(range(100))), 10)
    assert blocks.window(3, 4) == blocks.window(3, 4)


def test_T11_a_pair_may_be_split_between_two_blocks():
    blocks = NetasciiBlocks(Blob.from_bytes(b"1234567\nabc"), 8)
    assert blocks.window(1, 2) == [b"1234567\r", b"\nabc"]


def test_T11_a_carriage_return_that_ends_no_line_is_followed_by_nul():
    assert NetasciiBlocks(Blob.from_bytes(b"a\rb"), 8).window(1, 1) == [b"a\r\0b"]


lines = st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"a", b"bc"])).map(b"".join)


@given(lines, st.integers(8, 20), st.integers(1, 5))
def test_T11_netascii_blocks_are_the_conversion_cut_into_pieces(text, blksize, window):
    blocks = all_blocks(NetasciiBlocks(Blob.from_bytes(text), blksize), blksize, window)
    assert b"".join(blocks) == netascii(text)
    assert undo(b"".join(blocks)) == text


@given(lines, st.data())
def test_T11_a_window_is_the_same_when_it_is_sent_again(text, data):
    blocks = NetasciiBlocks(Blob.from_bytes(text), 8)
    whole = netascii(text)
    first, last = 1, len(whole) // 8 + 1
    while first <= last:
        count = data.draw(st.integers(1, 4))
        expected = [whole[(n - 1) * 8 : n * 8] for n in range(first, last + 1)][:count]
        assert blocks.window(first, count) == expected
        assert blocks.window(first, count) == expected
        first += data.draw(st.integers(1, len(expected)))


def file_blob(path):
    return Blob.from_fd(os.open(path, os.O_RDONLY))


@pytest.mark.parametrize("kind", [OctetBlocks, NetasciiBlocks])
def test_F1_a_file_cut_short_is_noticed(kind, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    blob = file_blob(path)
    blocks = kind(blob, 512)
    blocks.window(1, 1)
    os.truncate(path, 50_000)
    with pytest.raises(ContentChanged):
        all_blocks(blocks, 512, 64)
    blob.close()


@pytest.mark.parametrize("kind", [OctetBlocks, NetasciiBlocks])
def test_F4_a_file_rewritten_in_place_is_noticed_at_the_last_block(kind, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    blob = file_blob(path)
    blocks = kind(blob, 512)
    blocks.window(1, 1)
    path.write_bytes(b"y" * 100_000)
    os.utime(path, ns=(0, 1))
    with pytest.raises(ContentChanged):
        all_blocks(blocks, 512, 64)
    blob.close()


def test_F5_what_a_file_grows_by_is_not_sent(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    blob = file_blob(path)
    with path.open("ab") as file:
        file.write(b"tail")
    assert b"".join(all_blocks(OctetBlocks(blob, 512), 512, 4)) == b"x" * 1000
    blob.close()
