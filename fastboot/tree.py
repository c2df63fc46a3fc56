"""Names become content: `Tree` and `Blob`, which every protocol serves.

A tree answers `open(name, client)` with a blob or raises `NotFound` or `Refused`.
A blob is content with a size, validators, and either a slice of a file or bytes.
Trees compose: an `Overlay` asks one after the other. A tree may answer later, with an
awaitable of a blob: what has its content at hand never does, and is a `Shelf`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from .beneath import components, list_beneath, open_beneath, open_file_beneath
from .blob import Blob
from .errors import ConfigError, NotFound, Refused
from .eventual import Eventual
from .files import File, Identity, identity_of
from .listing import Look, look_into

__all__ = [
    "Blob",
    "Client",
    "Directory",
    "Function",
    "Memory",
    "Overlay",
    "Shelf",
    "Tree",
    "content",
]

FILES_MAX = 1024
"""Names that a folder remembers the files of; a client that asks for ever new ones only
makes it forget."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: the facts a tree may decide by.

    Attributes:
        address: The client's IP address.
        protocol: "tftp" or "http".
        server: The address of ours that the client reached.
        agent: HTTP's User-Agent, empty where there is none.
        accept: HTTP's Accept, the media types that the client asks for; empty where
            it does not say.
        host: HTTP's Host, the name that it knows us by; empty where it does not say.
        query: What stands behind "?" in the URL, as it was sent.
    """

    address: str
    protocol: str
    server: str = ""
    agent: str = ""
    accept: str = ""
    host: str = ""
    query: str = ""


class Tree(Protocol):
    """Anything that has content for names."""

    def open(self, name: str, client: Client) -> Blob | Awaitable[Blob]:
        """The content called `name`, which the caller closes, at once or later.

        Called on the thread that serves, which must not be kept waiting. An awaitable
        is awaited under the loop of the program that embeds the server, or under an
        asyncio loop of its own where engines run on threads.

        Args:
            name: A path with slashes; bytes that are no UTF-8 are surrogates
                (`surrogateescape`).
            client: Who asks.

        Raises:
            NotFound: There is nothing of that name.
            Refused: The name is not to be asked for.
            Unavailable: It cannot be read just now.
        """
        ...


class Shelf(Protocol):
    """A tree that has its content at hand and answers at once."""

    def open(self, name: str, client: Client) -> Blob:
        """The content called `name`; see `Tree.open`."""
        ...


class Directory:
    """A folder on disk: its regular files, and nothing outside it.

    Where another folder takes its place under the same name, that one is served from
    the next request on. May be used from several threads at once.

    Args:
        root: The folder.
        public: Whether only files are served that everybody may read.

    Raises:
        ConfigError: The folder does not exist or cannot be read.
    """

    def __init__(self, root: str | os.PathLike[str], *, public: bool = False) -> None:
        self.root: Path = Path(root)
        self._public = public
        self._fd = self._open_root()
        self._lock = threading.Lock()
        self._root_is = _place(os.fstat(self._fd))
        self._files: dict[str, tuple[tuple[str, ...], File]] = {}  # by name

    def _open_root(self) -> int:
        try:
            return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(
                f"cannot serve {self.root}: {error.strerror}; "
                "name a folder that exists and can be read"
            ) from None

    def open(self, name: str, client: Client) -> Blob:
        """The file of that path beneath the folder; see `Tree.open`."""
        known = self._files.get(name)
        if known is None:
            parts, file = components(name), None
        else:
            parts, file = known
            if file.share():
                return Blob.from_file(file)
        self._follow_root()
        fd, status = open_file_beneath(self._fd, parts, public=self._public)
        identity = identity_of(status)
        if file is not None and file.identity == identity:
            file.adopt(fd)
        else:
            file = self._remember(name, parts, fd, identity)
        return Blob.from_file(file)

    def _remember(
        self, name: str, parts: tuple[str, ...], fd: int, identity: Identity
    ) -> File:
        """A file that was just opened, which the next who asks for it shares."""
        path = "/".join((str(self.root), *parts))
        file = File(fd, identity, path, partial(self._open_again, parts))
        with self._lock:
            if len(self._files) >= FILES_MAX:
                self._files.clear()
            self._files[name] = parts, file
        return file

    def _open_again(self, parts: tuple[str, ...]) -> int:
        self._follow_root()
        return open_beneath(self._fd, parts, public=self._public)

    def path_of(self, name: str) -> str | None:
        """The path of the file that anybody gets for a name; None where there is none.

        As long as `stat` says of it what it said of the blob that was opened, `open`
        gives the same content. A tree without this method is asked every time.
        """
        try:
            return os.path.join(self.root, *components(name))
        except Refused:
            return None

    def _follow_root(self) -> None:
        """Take up the folder anew where another now stands in its place.

        Not only when a name is missing: what both folders have would be served from
        the old one, the rest from the new.
        """
        try:
            if _place(os.stat(self.root)) == self._root_is:
                return
        except OSError:
            return  # nothing is there: it is just being replaced, or closed
        with self._lock:
            try:
                fresh = self._open_root()
            except ConfigError:
                return
            try:
                os.dup2(fresh, self._fd, inheritable=False)
                self._root_is = _place(os.fstat(fresh))
            except OSError:
                pass  # closed in the meantime
            finally:
                os.close(fresh)

    def names(self, depth: int = 4, limit: int = 10_000) -> list[str]:
        """The paths of the files that can be served; see `list_beneath`."""
        self._follow_root()
        return list_beneath(self._fd, depth, limit, public=self._public)

    def look(self, name: str, limit: int) -> Look:
        """What is in the folder of that path; see `fastboot.listing.look_into`."""
        parts = components(name)
        self._follow_root()
        return look_into(self._fd, parts, limit, public=self._public)

    def close(self) -> None:
        """Give the folder back; a second call does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _place(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


class Memory:
    """Content by name, held in memory.

    >>> Memory({"boot.ipxe": b"#!ipxe"}).open("/boot.ipxe", Client("::1", "http")).size
    6
    """

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = dict(contents)

    def open(self, name: str, client: Client) -> Blob:
        """The content of that name; see `Tree.open`."""
        try:
            return Blob.from_bytes(self._contents["/".join(components(name))])
        except KeyError:
            raise NotFound("no such file") from None


class Function:
    r"""Content by a function of the name and the client: scripts, files made to order.

    What it returns is the content, as bytes, text or a blob, or None for "no such
    file"; or an awaitable of one of these, as every `async def` returns.

    >>> scripts = Function(lambda name, client: f"#!ipxe\necho {client.address}\n")
    >>> scripts.open("boot.ipxe", Client("192.0.2.7", "http")).read(0, 99)
    b'#!ipxe\necho 192.0.2.7\n'
    """

    def __init__(self, function: Callable[[str, Client], Any]) -> None:
        self._function = function

    def open(self, name: str, client: Client) -> Blob | Awaitable[Blob]:
        """What the function has for that name; see `Tree.open`."""
        answer = self._function("/".join(components(name)), client)
        if isinstance(answer, Awaitable):
            return Eventual(answer, partial(_content_later, answer))
        return content(answer)


async def _content_later(answer: Awaitable[Any]) -> Blob:
    return content(await answer)


def content(answer: object) -> Blob:
    """The content that a function returned: bytes, text, a blob, or None.

    Raises:
        NotFound: It is None.
        TypeError: It is none of these.
    """
    match answer:
        case Blob():
            return answer
        case bytes():
            return Blob.from_bytes(answer)
        case str():
            # What came of a name that is no UTF-8 goes back as the bytes it was.
            return Blob.from_bytes(answer.encode("utf-8", "surrogateescape"))
        case None:
            raise NotFound("no such file")
    raise TypeError(f"a {type(answer).__name__} is no content: bytes, str or Blob is")


class Overlay:
    """Several trees as one: the first that has the name answers."""

    def __init__(self, *trees: Tree) -> None:
        self._trees = trees

    def open(self, name: str, client: Client) -> Blob | Awaitable[Blob]:
        """The content of that name in the first tree that has it; see `Tree.open`."""
        return self._ask(self._trees, name, client, None)

    def _ask(
        self,
        trees: Sequence[Tree],
        name: str,
        client: Client,
        refusal: Refused | None,
    ) -> Blob | Awaitable[Blob]:
        for number, tree in enumerate(trees):
            try:
                answer = tree.open(name, client)
            except NotFound:
                continue
            except Refused as error:
                refusal = refusal or error
                continue
            if isinstance(answer, Blob):
                return answer
            others = trees[number + 1 :]
            wait = partial(self._await, answer, others, name, client, refusal)
            return Eventual(answer, wait)
        raise refusal or NotFound("no such file")

    async def _await(
        self,
        answer: Awaitable[Blob],
        others: Sequence[Tree],
        name: str,
        client: Client,
        refusal: Refused | None,
    ) -> Blob:
        """What a tree answers later, or the trees behind it where it has nothing."""
        try:
            return await answer
        except NotFound:
            pass
        except Refused as error:
            refusal = refusal or error
        next_answer = self._ask(others, name, client, refusal)
        return next_answer if isinstance(next_answer, Blob) else await next_answer

    def path_of(self, name: str) -> str | None:
        """The first tree's, if it has any: what it has hides what the others have."""
        path_of = getattr(self._trees[0], "path_of", None) if self._trees else None
        return path_of(name) if path_of else None
