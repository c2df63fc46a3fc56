"""Every exception that fastboot raises on purpose.

    FastbootError
    ├── DecodeError         bytes from a peer that are no packet
    │   └── BadRequest      ... with HTTP's status for it (fastboot.http.limits)
    ├── TreeError           a name has no content for this client
    │   ├── NotFound        there is nothing of that name
    │   ├── Refused         that name is not to be asked for
    │   ├── Exists          a new file cannot have it: there is one already
    │   ├── Full            there is no room for what a new file would hold
    │   └── Unavailable     there is, but it cannot be read just now
    ├── ContentChanged      a file shrank or was rewritten while it was read
    ├── StoreError          leases cannot be kept
    ├── TransferError       a file was not fetched from a server, or not sent to it
    │   ├── ServerRefused   the server says no
    │   ├── NoAnswer        nothing came from the server, or nothing any more
    │   ├── WrongAnswer     what came from it makes no sense
    │   ├── WrongContent    what came is not the file that was expected
    │   └── NotKept         the file cannot be read or written on this side
    ├── EngineFailed        an engine raised, which none should
    └── SetupError          what the user asked for cannot be done
        ├── ConfigError     a setting is wrong
        └── ListenError     a port cannot be opened

The text of a `SetupError` is one line for a person: what, where, what to do next.
"""


class FastbootError(Exception):
    """The root: catches everything that this package raises on purpose."""


class DecodeError(FastbootError, ValueError):
    """Bytes from a peer that are no packet; the text says what is wrong with them."""


class TreeError(FastbootError):
    """A name has no content for this client."""


class NotFound(TreeError):
    """There is nothing of that name."""


class Refused(TreeError):
    """That name is not to be asked for: it leaves the root or is no regular file.

    Attributes:
        told: Whether the client is told the reason, in so many words.
    """

    def __init__(self, reason: str, *, told: bool = False) -> None:
        super().__init__(reason)
        self.told = told


class Exists(TreeError):
    """A new file cannot have that name: there is something of that name already."""


class Full(TreeError):
    """There is no room for what a new file would hold: on the disk, or by a limit."""


class Unavailable(TreeError):
    """There is something of that name, but it cannot be read just now."""


class ContentChanged(FastbootError):
    """A file shrank or was rewritten while it was being read."""


class StoreError(FastbootError):
    """Leases cannot be kept; the text says why.

    Attributes:
        damaged: Whether what keeps them is damaged, so that trying again is of no use.
    """

    def __init__(self, text: str, *, damaged: bool = False) -> None:
        super().__init__(text)
        self.damaged = damaged


class TransferError(FastbootError):
    """A file was not fetched or not sent; the text is one line for a person."""


class ServerRefused(TransferError):
    """The server says no, with an ERROR.

    Attributes:
        code: Its number (RFC 1350, appendix I; RFC 2347), or one that nobody knows.
    """

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class NoAnswer(TransferError):
    """Nothing came from the server, or nothing any more."""


class WrongAnswer(TransferError):
    """What came from the server makes no sense as an answer."""


class WrongContent(TransferError):
    """What came is not the file that was expected: its size or its checksum differs."""


class NotKept(TransferError):
    """The file cannot be read or written on this side."""


class EngineFailed(FastbootError):
    """An engine raised, which is a mistake in fastboot, and runs no more.

    Attributes:
        engine: The engine.
        error: What it raised.
    """

    def __init__(self, engine: object, error: Exception) -> None:
        super().__init__(f"{type(engine).__module__} failed: {error!r}")
        self.engine = engine
        self.error = error
        self.__cause__: BaseException | None = error


class SetupError(FastbootError):
    """What the user asked for cannot be done; the text is one line that says why."""


class ConfigError(SetupError):
    """A setting is wrong."""


class ListenError(SetupError):
    """A port cannot be opened."""
