"""The facts a running server reports, one dataclass each.

An engine calls the `emit` function it was given with one of these for each thing that
happened. Logs, counters and views are readers of events; nothing else is told to them.
Texts that came from a peer (`name`, `reason`) are as the peer sent them: whoever
prints them escapes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listening:
    """A port is open.

    Attributes:
        protocol: "tftp", "http", "https" or "dhcp".
        address: The address it is bound to.
        port: The port it is bound to.
    """

    protocol: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Awaited:
    """An address to serve on is no interface's yet; it is served once one has it.

    Attributes:
        address: The address.
    """

    address: str


@dataclass(frozen=True, slots=True)
class Offered:
    """A machine that boots from the network was told what to load.

    Attributes:
        mac: The machine's hardware address, "aa:bb:cc:dd:ee:ff".
        arch: The architecture it reported, in words.
        file: The name or URL it was given; "" for one that knows by itself what to ask
            for, as a Raspberry Pi does.
        server: The address of ours that it was given.
        message: What was answered: "offer" (to a DISCOVER) or "ack" (to a REQUEST).
    """

    mac: str
    arch: str
    file: str
    server: str
    message: str


@dataclass(frozen=True, slots=True)
class Unbootable:
    """A machine asked to boot and there is nothing to give it; `reason` says why.

    Attributes:
        mac: The machine's hardware address.
        arch: The architecture it reported, in words.
        reason: What is missing and what to do about it.
    """

    mac: str
    arch: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rival:
    """Another DHCP server keeps UEFI machines from asking us: it says "PXEClient".

    Attributes:
        server: The other server's address.
        mac: The machine that it made an offer to.
        ours: Our address on that network.
    """

    server: str
    mac: str
    ours: str


@dataclass(frozen=True, slots=True)
class Leased:
    """A client was answered about an address.

    Attributes:
        mac: The client's hardware address.
        address: The address.
        server: The address of ours that it was answered from.
        message: What was answered: "offer", "ack" or "nak".
        seconds: How long the lease lasts; 0 where none was given.
        detail: The boot file's name or URL that it was given; why, with a NAK.
    """

    mac: str
    address: str
    server: str
    message: str
    seconds: int
    detail: str


@dataclass(frozen=True, slots=True)
class Released:
    """A lease ended before its time: its client or a person said so.

    Attributes:
        mac: The client's hardware address.
        address: The address, which is free now.
    """

    mac: str
    address: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An address is somebody else's already: it is given to nobody for an hour.

    Attributes:
        address: The address.
        mac: The hardware address of the client that was to have it.
        how: What showed it, in words: the client "declined it", or we "found it in use".
    """

    address: str
    mac: str
    how: str


@dataclass(frozen=True, slots=True)
class LeaseTrouble:
    """Leases cannot be kept as they should; `reason` says what happened.

    Attributes:
        reason: In words.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Serves:
    """Addresses are given on a network.

    Attributes:
        network: The network.
        pool: First and last address of each range, in words.
        seconds: How long a lease lasts.
        chosen: Whether nobody said so in the settings.
    """

    network: str
    pool: str
    seconds: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Probed:
    """A client asked for a file's size and left, as boot ROMs do before they load it.

    Attributes:
        protocol: "tftp", "http" or "https".
        client: The client's address.
        name: The name asked for.
        size: The size told, bytes.
    """

    protocol: str
    client: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A transfer is complete.

    Attributes:
        protocol: "tftp", "http" or "https".
        client: The client's address.
        name: The name asked for.
        size: Bytes of content sent, retransmissions not counted.
        seconds: From the request to the last acknowledgement or the last byte taken.
        retransmissions: Blocks sent more than once (TFTP).
    """

    protocol: str
    client: str
    name: str
    size: int
    seconds: float
    retransmissions: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """A transfer ended before its content was complete.

    Attributes:
        protocol: "tftp", "http" or "https".
        client: The client's address.
        name: The name asked for.
        size: Bytes of content sent (HTTP) or acknowledged (TFTP) until then.
        seconds: From the request to the end.
        reason: Why, in words.
    """

    protocol: str
    client: str
    name: str
    size: int
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Received:
    """A file that a client sent is kept.

    Attributes:
        protocol: "tftp".
        client: The client's address.
        name: The name the client gave it.
        size: Bytes of the file.
        seconds: From the request until it was safe on the disk.
        retransmissions: Blocks that came more than once.
    """

    protocol: str
    client: str
    name: str
    size: int
    seconds: float
    retransmissions: int


@dataclass(frozen=True, slots=True)
class NotReceived:
    """A file that a client began to send is not kept, and nothing of it is left.

    Attributes:
        protocol: "tftp".
        client: The client's address.
        name: The name the client gave it.
        size: Bytes that came until then.
        seconds: From the request to the end.
        reason: Why, in words.
    """

    protocol: str
    client: str
    name: str
    size: int
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A well-formed request was answered with the protocol's own error.

    Attributes:
        protocol: "tftp", "http" or "https".
        client: The client's address.
        name: The name asked for.
        reason: Why, in words.
    """

    protocol: str
    client: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something malformed or out of place arrived and was dropped or cut off.

    Attributes:
        protocol: "tftp", "http", "https" or "dhcp".
        client: Where it came from.
        reason: What was wrong with it.
    """

    protocol: str
    client: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Certificates were to be read again.

    Attributes:
        protocol: "https".
        reason: Why those from before stay; empty where the new ones are in use.
    """

    protocol: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake of fastboot's own: what it was doing was given up, the rest goes on.

    Attributes:
        protocol: "tftp", "http", "https" or "dhcp".
        error: The exception, with its traceback.
    """

    protocol: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Repeated:
    """Lines like others before them were left out of the log.

    Attributes:
        count: How many.
        seconds: In how long.
    """

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class BootStopped:
    """A machine that was about to boot from here did not go on.

    Attributes:
        client: The machine's hardware address, or its address where that is all we know.
        stage: Where it stopped: "address", "offer", "boot server", "boot program",
            "script", "kernel", "initrd" or "file".
        code: What its screen shows, as "PXE-E18"; "" where that is not known.
        reason: Why, in a sentence.
        cure: What to do about it, in a sentence; "" where the reason says it.
    """

    client: str
    stage: str
    code: str
    reason: str
    cure: str


Event = (
    Listening
    | Awaited
    | BootStopped
    | Offered
    | Unbootable
    | Leased
    | Released
    | Conflict
    | LeaseTrouble
    | Serves
    | Rival
    | Probed
    | Finished
    | Failed
    | Received
    | NotReceived
    | RequestRefused
    | Dropped
    | Reloaded
    | Fault
    | Repeated
)
"""Any of the facts above."""

Emit = Callable[[Event], None]
"""What an engine is given to report facts to; called from the thread that polls it."""
