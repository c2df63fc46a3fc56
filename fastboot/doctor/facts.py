"""What the doctor found out: facts alone, to be judged by `findings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from fastboot.firmware.decision import Heard, LoadTftp, LoadUrl


class Reach(Enum):
    """What came of asking for a file."""

    THERE = "there"
    NOT_FOUND = "not found"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of asking for a file, for its size alone.

    Attributes:
        reach: Whether it is there.
        words: What the server said, or the system; "" for nothing.
        size: Bytes of the file; None where it was not told.
    """

    reach: Reach
    words: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """A port that firmware asks on.

    Attributes:
        protocol: "DHCP", "DHCPv6", "TFTP", "HTTP" or "HTTPS".
        number: The port.
        problem: Why it cannot be opened, in one line; "" where it can, or where we
            have it.
    """

    protocol: str
    number: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """What was heard on one interface.

    Attributes:
        interface: Its name.
        address: Our address there; None where there is none.
        network: The network of that address.
        problem: Why nothing could be asked there; "" where it could.
        heard: By the name of a kind of machine, what servers sent to it.
        silent: The servers that did not answer on port 4011.
    """

    interface: str
    address: IPv4Address | None = None
    network: IPv4Network | None = None
    problem: str = ""
    heard: Mapping[str, tuple[Heard, ...]] = field(default_factory=dict)
    silent: frozenset[IPv4Address] = frozenset()


@dataclass(frozen=True, slots=True)
class Advertised:
    """What a DHCPv6 server offers a machine.

    Attributes:
        interface: Where.
        machine: The name of the machine's kind.
        server: Who.
        address: The address that it offers; None for a proxy.
        vendor: Its option 16; "" where it has none of enterprise 343.
        url: The boot file that it names (option 59); "" for none.
    """

    interface: str
    machine: str
    server: IPv6Address
    address: IPv6Address | None
    vendor: str
    url: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was found out.

    Attributes:
        folder: The folder that is served; "" where none was named, and the network is
            to be judged as it is.
        folder_problem: Why it cannot be served, in one line; "" where it can.
        privileged: Whether ports below 1024 are ours to open.
        running: Whether fastboot serves at this moment.
        mode: What it does, or would do, about DHCP: "proxy", "server", ...
        named: Whether interfaces were named; else each is looked at.
        own: Our addresses.
        entries: The number of entries in the menu; None where nobody looked.
        ports: The ports that firmware asks on.
        programs: By the name of a kind of machine, the boot program it would be given;
            "" where it needs none of its own.
        missing: By the name of a kind of machine, why it gets no boot program.
        segments: The networks that we are on.
        reached: What came of asking for the files that machines are sent to.
        advertised: What is offered over IPv6.
        own_ipv6: Our addresses there.
    """

    folder: str
    folder_problem: str = ""
    privileged: bool = True
    running: bool = False
    mode: str = "proxy"
    named: bool = False
    own: frozenset[IPv4Address] = frozenset()
    entries: int | None = None
    ports: tuple[Port, ...] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    reached: Mapping[LoadTftp | LoadUrl, Reached] = field(default_factory=dict)
    advertised: tuple[Advertised, ...] = ()
    own_ipv6: frozenset[IPv6Address] = frozenset()

    @property
    def serves(self) -> bool:
        """Whether machines are to boot from here."""
        return bool(self.folder) or self.running
