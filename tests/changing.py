"""A folder whose files change while they are fetched, and which answers are right."""

from __future__ import annotations

import mmap
import os
import re
from dataclasses import dataclass
from itertools import count

from web import content

OLD = 946684800  # a time long ago, seconds since the epoch
BIG = 3 << 20
GROWN = 1 << 20
VERSIONS = 60
"""What is older nobody fetches any more."""


class Folder:
    """Files that stay, and files that change while they are fetched.

    What a file has at any time is the beginning of one of its `contents`.

    Attributes:
        path: Where they are.
        contents: By name, what an answer may begin with.
        fixed: Names of files that stay as they are.
    """

    def __init__(self, path):
        self.path = path
        self.contents = {}
        sizes = {"empty": 0, "tiny": 1, "small": 4096, "block": 32 << 10}
        sizes |= {"more": (32 << 10) + 1, "cold": BIG, "big": BIG + 4097}
        for seed, (name, size) in enumerate(sizes.items()):
            self.put(name, content(size, seed))
        self.fixed = tuple(sizes)
        self._versions = count(100)
        self.put("replaced", content(200_000, 99))
        self.put("vanishing", content(50_000, 98))
        self.put("growing", content(1000, 97), content(GROWN, 97))
        self.put("cut", content(BIG, 96))

    def put(self, name, data, whole=None):
        """Write a file beside it, as if that were long ago, and put it in its place."""
        self.contents.setdefault(name, []).append(data if whole is None else whole)
        del self.contents[name][:-VERSIONS]
        new = self.path / f".{name}"
        new.write_bytes(data)
        os.utime(new, (OLD, OLD))
        new.replace(self.path / name)

    def change(self, rng):
        """Change one thing."""
        name = rng.choice(("replaced", "vanishing", "growing", "cut", "cold", "cold"))
        path = self.path / name
        if name == "cold":
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        elif name == "vanishing" and path.exists():
            path.unlink()
        elif name == "growing" and path.stat().st_size < GROWN:
            with path.open("ab") as file:
                at = file.tell()
                file.write(self.contents[name][-1][at : at + rng.randrange(1, 90_000)])
        elif name == "cut" and path.stat().st_size:
            os.truncate(path, rng.randrange(path.stat().st_size))
        else:
            size = rng.choice((1, 5000, 50_000, 400_000))
            grown = GROWN if name == "growing" else size
            whole = content(grown, next(self._versions))
            self.put(name, whole[:size], whole)


@dataclass
class Wish:
    """A request, and which answers to it are right."""

    name: str
    method: str = "GET"
    part: tuple[int, int] | None = None
    fields: bytes = b""

    def request(self):
        lines = [f"{self.method} /{self.name} HTTP/1.1", "Host: boot"]
        if self.part:
            lines.append("Range: bytes={}-{}".format(*self.part))
        return "\r\n".join([*lines, ""]).encode() + self.fields + b"\r\n"

    def mistake(self, folder, status, head, body):
        """What is wrong with an answer; None: nothing."""
        if status == 503:
            return "it was turned away"
        whole = folder.contents.get(self.name)
        if whole is None or (self.name == "vanishing" and status == 404):
            return None if status == 404 else f"status {status} for what is not there"
        if status == 416 and self.part:
            stays = self.name in folder.fixed
            beyond = not stays or self.part[0] >= len(whole[0])
            return None if beyond else "416 for what is there"
        parts = 206 if self.part and any(whole) else 200  # nothing has no parts
        if status != parts and not (status == 200 and self.name not in folder.fixed):
            return f"status {status}"
        if self.method == "HEAD":
            return "a body for HEAD" if body else None
        first = 0
        if status == 206:
            first, last = map(int, re.search(rb"bytes (\d+)-(\d+)/", head).groups())
            if first != self.part[0] or last - first + 1 != len(body):
                return "another part than was asked for"
        if not any(self._is_right(body, data, first) for data in whole):
            return f"{len(body)} wrong bytes"
        if self.name in folder.fixed:
            size = len(whole[0])
            end = min(self.part[1] + 1, size) if status == 206 else size
            if len(body) != end - first:
                return f"{len(body)} bytes"
        return None

    def _is_right(self, body, data, first):
        """Whether these bytes are those of the file.

        What sendfile(2) has sent is still the file's while it is on its way: the end
        of a page that is cut off arrives as zeros, whoever serves it.
        """
        right = data[first : first + len(body)]
        if self.name != "cut" or body == right or len(body) != len(right):
            return body == right
        begins = range(-(first % mmap.PAGESIZE), len(body), mmap.PAGESIZE)
        pages = (slice(max(0, at), at + mmap.PAGESIZE) for at in begins)
        return all(right[page].startswith(body[page].rstrip(b"\0")) for page in pages)
