"""What firmware heard, and what it does about it.

Each module beside this one models one firmware as a pure function

    decide(heard, silent=()) -> Decision

over everything that servers sent to one client: offers from port 67, and answers from
port 4011. `silent` names the servers known not to answer on port 4011; with neither an
answer nor silence known, a decision ends in `AskBootServer`: what comes next is open.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address
from typing import Protocol

from fastboot.dhcp.packet import Frame

BOOT_SERVER_PORT = 4011
"""Where a boot server answers (PXE specification 2.1, section 2.2.5)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of a server, as a client heard it.

    Attributes:
        packet: The message.
        source: The address that it came from.
        order: Its place among all that was heard; the smaller was first.
        port: The port that it came from: 67, or 4011 for a boot server's answer.
        size: Bytes of the message; 0 where unknown.
    """

    packet: Frame
    source: IPv4Address
    order: int
    port: int = 67
    size: int = 0


@dataclass(frozen=True, slots=True)
class RequestAddress:
    """It asks a DHCP server for the address that was offered.

    Attributes:
        server: Who offered (option 54).
        address: What it offered.
    """

    server: IPv4Address
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class AskBootServer:
    """It asks for its boot file on port 4011.

    Attributes:
        server: Whom it asks.
    """

    server: IPv4Address


@dataclass(frozen=True, slots=True)
class LoadTftp:
    """It loads a file by TFTP.

    Attributes:
        server: From where.
        name: What; bytes that are no UTF-8 as surrogates.
    """

    server: IPv4Address
    name: str


@dataclass(frozen=True, slots=True)
class LoadUrl:
    """It loads a URL.

    Attributes:
        url: The URL; bytes that are no UTF-8 as surrogates.
    """

    url: str


@dataclass(frozen=True, slots=True)
class ShowMenu:
    """It shows the menu of an offer's option 43 to whoever sits before it.

    Attributes:
        server: Whose menu.
    """

    server: IPv4Address


Step = RequestAddress | AskBootServer | LoadTftp | LoadUrl | ShowMenu
"""One thing that firmware does."""


class Stop(Enum):
    """Where a boot ends before anything runs."""

    NO_OFFER = "nobody answers"
    """No server answered in a way that counts."""

    NO_ADDRESS = "nobody gives an address"
    """Proxies answered, and no DHCP server."""

    NO_BOOT_SERVER = "the boot server does not answer"
    """Nothing came from port 4011."""

    NO_FILE = "no boot file is named"
    """There is an address, and nothing to load."""

    TIMEOUT = "the file does not come"
    """The file's server does not answer, or not to the end."""

    NOT_FOUND = "the file is not there"
    """The file's server says that it has none."""


class Trouble(Enum):
    """Why something will not boot, as far as the network is to blame."""

    NO_ANSWER = "no server answers"
    NO_DHCP = "no server gives addresses"
    NO_PROXY = "nobody names a boot file"
    CLASS_ALONE = "the DHCP server sends option 60 without 43"
    """`Cause.server` has to drop its option 60, or to name the boot server in siaddr."""
    CLASS_IN_LEASE = "the DHCP server sends option 60"
    """It boots by itself: `Cause.server` names its own boot file and is heeded first."""
    FILE_IN_LEASE = "the DHCP server names a boot file of its own"
    """`Cause.server` has to drop its option 67, `file` and next-server."""
    FILE_FOR_ALL = "one boot file is named to firmware and to iPXE, which it is"
    """`Cause.server` has to name iPXE a script, or nobody a file."""
    BOOT_SERVER_SILENT = "port 4011 does not answer"
    BOOT_SERVER_EMPTY = "the answer from port 4011 names no boot file"
    PROXY_WITHOUT_CLASS = "a proxy leaves out option 60"
    PROXY_WITHOUT_SERVER = "a proxy leaves siaddr empty"
    PROXIES_DISAGREE = "two proxies name different files"
    NOT_A_URL = "the boot file is no URL"
    URL_BY_TFTP = "a URL is given to a client of TFTP"
    NAME_WITHOUT_DNS = "the URL has a host's name, and no DNS server is offered"
    NO_RASPBERRY_MENU = 'option 43 lacks "Raspberry Pi Boot"'
    NO_SERVER_NAME = "no server to load from is named"
    MALFORMED = "the offer is malformed"


@dataclass(frozen=True, slots=True)
class Cause:
    """What a cure is made from.

    Attributes:
        trouble: What is wrong.
        server: Whose fault it is: the server to change; None where it is nobody's.
        option: The option that decided; None where it is none.
        value: What that option says, for people.
    """

    trouble: Trouble
    server: IPv4Address | None = None
    option: int | None = None
    value: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What firmware does about what it heard, and why.

    Attributes:
        steps: What it does, in this order; as far as these messages tell.
        why: The reason in one plain sentence, naming the server and the option that
            decided; bytes that cannot be printed are escaped.
        stop: Where it gives up after these steps; None where it goes on.
        screen: What the screen then shows, the code first; "" where it goes on.
        cause: What is wrong, or at least unusual; None where all is well.
    """

    steps: tuple[Step, ...]
    why: str
    stop: Stop | None = None
    screen: str = ""
    cause: Cause | None = None

    @property
    def load(self) -> LoadTftp | LoadUrl | None:
        """What it will load; None where it gives up or has to ask first."""
        last = self.steps[-1] if self.steps and self.stop is None else None
        return last if isinstance(last, LoadTftp | LoadUrl) else None


class Firmware(Protocol):
    """What each module of a firmware is: `from fastboot.firmware import edk2_pxe`."""

    SCREEN: dict[Stop, str]
    """What the screen shows at each stop."""

    def decide(
        self, heard: Sequence[Heard], silent: Collection[IPv4Address] = ()
    ) -> Decision:
        """What it does about what it heard."""
        ...
