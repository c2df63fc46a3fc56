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
    """That name is not to be asked for: it leaves the root or is no regular file."""


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
        self.__cause__ = error


class SetupError(FastbootError):
    """What the user asked for cannot be done; the text is one line that says why."""


class ConfigError(SetupError):
    """A setting is wrong."""


class ListenError(SetupError):
    """A port cannot be opened."""
