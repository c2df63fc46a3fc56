"""Why a machine did not go on: a pure function of its steps.

It knows what our side of the network saw. A machine that went on elsewhere, or was
switched off, looks like one that could not; so the sentences say what was seen, and name
the likeliest cause. What its screen shows then is told by the models of firmware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from fastboot.firmware import edk2_http, edk2_pxe, ipxe, raspberry, rom
from fastboot.firmware.decision import Cause, Stop, Trouble

from .steps import FILES, Kind, Offer, Stage, Step, stage_of_file

OFFER_PATIENCE = 12.0
"""Seconds in which a machine does something about an offer: EDK2 listens for four, gets
its address within a few more, and then asks on port 4011 for ten."""

IPXE_PATIENCE = 40.0
"""The same for iPXE: where no router speaks IPv6 it waits for one before it loads a
file, for 16 to 27 seconds after it has its address (`tests/recorded`)."""

FILE_PATIENCE = 6.0
"""Seconds after which a refused or broken file was the last that was asked for. Loaders
look for many files that are not there, and go on within milliseconds."""

FORGOTTEN = 24 * 3600.0
"""Seconds after which nobody wants to know any more."""

PXE_CLIENT = "PXEClient"

SCREENS: Mapping[str, Mapping[Stop, str]] = {
    "PXE": edk2_pxe.SCREEN,
    "HTTP boot": edk2_http.SCREEN,
    "iPXE": ipxe.SCREEN,
    "Raspberry Pi": raspberry.SCREEN,
}
"""What the screen shows at each stop, by what asks. A BIOS that is no iPXE has a ROM's."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a machine stopped.

    Attributes:
        stage: Where.
        code: What its screen shows; "" where that is not known.
        sentence: Why.
        cure: What to do; "" where the sentence says it.
        told: Whether that was reported when it happened, or is meant to be so.
        cause: What is wrong with another server, so that it can be told how to change
            that one; None where it is none's fault.
        ours: Our address on that network; "" where no other server is concerned.
    """

    stage: Stage
    code: str
    sentence: str
    cure: str = ""
    told: bool = False
    cause: Cause | None = None
    ours: str = ""


def diagnose(
    steps: Sequence[Step], now: float, *, hears: bool = False
) -> Diagnosis | None:
    """Why a machine stopped; None where nothing is wrong, or it is too early to say.

    Args:
        steps: Those of its present attempt.
        now: Seconds on the steps' clock.
        hears: Whether other servers' offers come to our ears.
    """
    if not steps or now - steps[-1].last > FORGOTTEN:
        return None
    quiet = now - max(step.last for step in steps)
    files = [step for step in steps if step.kind in FILES]
    if files:
        latest = max(reversed(files), key=lambda step: step.last)
        again = latest.kind is Kind.LOST and latest.count > 1
        return _file(latest, steps) if quiet >= FILE_PATIENCE or again else None
    # What others tell it, and that it takes their address, brings it no nearer to us.
    ours = [step.last for step in steps if step.kind is not Kind.HEARD]
    quiet = now - max(ours, default=steps[0].at)
    return _before_files(steps, now, quiet, hears=hears)


def _firmware(steps: Sequence[Step]) -> str:
    asked = [step.note for step in steps if step.kind is Kind.ASKED]
    return asked[-1] if asked else ""


def screen(steps: Sequence[Step], stop: Stop) -> str:
    """What a machine's screen shows at a stop, the code alone where there is one.

    >>> screen([Step(Kind.ASKED, 0.0, "BIOS", "PXE")], Stop.NO_ADDRESS)
    'PXE-E52'
    """
    firmware = _firmware(steps)
    if firmware == "PXE" and _is_bios(steps):
        shown = rom.SCREEN[stop]
    else:
        shown = SCREENS.get(firmware, {}).get(stop, "")
    return shown.partition(":")[0] if shown.startswith("PXE-") else shown


def _is_bios(steps: Sequence[Step]) -> bool:
    return any(step.kind is Kind.ASKED and step.text == "BIOS" for step in steps)


# A file was asked for


def _file(step: Step, steps: Sequence[Step]) -> Diagnosis | None:
    stage = stage_of_file(step.text)
    if step.kind is Kind.REFUSED:
        code = screen(steps, Stop.NOT_FOUND)
        sentence = f"it asked for {step.text}, which it does not get: {step.note}"
        cure = f"put {step.text} into the folder, or change what asks for it"
        return Diagnosis(stage, code, sentence, cure)
    if step.kind is not Kind.LOST:
        return None  # it has what it asked for; the size alone is nothing wrong
    if step.protocol == "tftp" and not step.size:
        return Diagnosis(
            stage,
            screen(steps, Stop.TIMEOUT),
            f"it asked for {step.text} by TFTP and never took an answer: answers come "
            "from other UDP ports than 69, which a firewall or NAT between drops",
            "let UDP from this server through, or use --tftp-ports single",
        )
    code = screen(steps, Stop.TIMEOUT) if step.protocol == "tftp" else ""
    return Diagnosis(stage, code, f"it lost {step.text}: {step.note}")


# No file was asked for


def _before_files(
    steps: Sequence[Step], now: float, quiet: float, *, hears: bool
) -> Diagnosis | None:
    kinds = {step.kind: step for step in steps}
    code = screen(steps, Stop.NO_FILE)
    if Kind.MISSING in kinds:
        sentence = kinds[Kind.MISSING].note
        return Diagnosis(Stage.PROGRAM, code, sentence, told=True)
    if Kind.SILENT in kinds and Kind.OFFERED not in kinds:
        sentence = f"it is told nothing: it is {kinds[Kind.SILENT].note}"
        return Diagnosis(Stage.OFFER, code, sentence, told=True)
    if Kind.TOLD in kinds:
        return _told(kinds[Kind.TOLD], now, steps)
    if Kind.OFFERED not in kinds:
        return None
    since, patience = kinds[Kind.OFFERED], _patience(steps)
    if now - since.at < patience or (quiet < patience and since.count < 2):
        return None
    heard = [step.offer for step in steps if step.offer is not None]
    return _offered(since, steps, heard, hears=hears)


def _patience(steps: Sequence[Step]) -> float:
    return IPXE_PATIENCE if _firmware(steps) == "iPXE" else OFFER_PATIENCE


def _told(step: Step, now: float, steps: Sequence[Step]) -> Diagnosis | None:
    """It knows what to load, and asks for nothing."""
    if now - step.last < _patience(steps) or not step.text:
        return None
    return Diagnosis(
        Stage.PROGRAM,
        screen(steps, Stop.TIMEOUT),
        f"it was told to load {step.text} from {step.note}, and no request came",
        f"see that nothing between blocks {_port(step.text)} to {step.note}",
    )


def _port(file: str) -> str:
    if file.startswith(("http:", "https:")):
        return f"TCP to {host_of(file)}"
    return "UDP port 69"


def host_of(url: str) -> str:
    """Host and port of a URL; "" where there is none.

    >>> host_of("http://192.0.2.2:8080/boot.ipxe"), host_of("http:")
    ('192.0.2.2:8080', '')
    """
    return url.partition("//")[2].partition("/")[0]


def _offered(
    offered: Step, steps: Sequence[Step], heard: Sequence[Offer], *, hears: bool
) -> Diagnosis:
    leases = [offer for offer in heard if offer.address]
    if hears and not leases:
        return _nobody_gives(offered, steps)
    for find in (_claimed, _rivalled):
        found = find(steps, heard)
        if found is not None:
            return found
    if offered.text.startswith(("http:", "https:")):
        return _unreachable(offered, steps)
    if _asks_boot_server(steps):
        return Diagnosis(
            Stage.BOOT_SERVER,
            screen(steps, Stop.NO_BOOT_SERVER),
            f"it was offered {offered.text} and never asked {offered.note} for it on "
            "UDP port 4011" + _not_heard(hears=hears),
            "let UDP ports 4011 and 69 through to this server",
        )
    own = next((offer for offer in leases if offer.file), None)
    if own is not None:
        return Diagnosis(
            Stage.OFFER,
            "",  # whatever that file makes of it
            f"the DHCP server {own.server} names a boot file of its own, {own.file}, "
            f"and no request for ours came",
            f"remove option 67 and the boot file on {own.server}",
            cause=_cause(Trouble.FILE_IN_LEASE, own, 67, own.file),
            ours=own.ours,
        )
    return Diagnosis(
        Stage.PROGRAM,
        screen(steps, Stop.TIMEOUT),
        f"it was offered {offered.text} from {offered.note}, and no request came"
        + _not_heard(hears=hears),
        "see that nothing between blocks UDP port 69 to this server",
    )


def _not_heard(*, hears: bool) -> str:
    return "" if hears else "; perhaps nobody gave it an address"


def _asks_boot_server(steps: Sequence[Step]) -> bool:
    return _firmware(steps) == "PXE" and not _is_bios(steps)


def _nobody_gives(offered: Step, steps: Sequence[Step]) -> Diagnosis:
    """Case b: only we answered, and we give no address."""
    return Diagnosis(
        Stage.ADDRESS,
        screen(steps, Stop.NO_ADDRESS),
        f"it was offered {offered.text or 'its files'}, but nobody was heard to give it "
        "an address",
        "check the network's DHCP server, or let fastboot give addresses with "
        "--dhcp server",
    )


def _cause(trouble: Trouble, offer: Offer, option: int, value: str) -> Cause:
    return Cause(trouble, IPv4Address(offer.server), option, value)


def _claimed(steps: Sequence[Step], heard: Sequence[Offer]) -> Diagnosis | None:
    """Case a: EDK2 asks the one that gives the address, and ignores proxies."""
    for offer in heard:
        if (
            offer.address
            and offer.vendor.startswith(PXE_CLIENT)
            and not offer.boots
            and offer.next_server != offer.ours
            and _asks_boot_server(steps)
        ):
            return Diagnosis(
                Stage.OFFER,
                screen(steps, Stop.NO_BOOT_SERVER),
                f"the DHCP server {offer.server} sends option 60 (PXEClient) without "
                f"43, so this UEFI asks {offer.next_server or offer.server} on port "
                "4011 and ignores every proxy",
                f"remove option 60 on {offer.server}",
                cause=_cause(Trouble.CLASS_ALONE, offer, 60, offer.vendor),
                ours=offer.ours,
            )
    return None


def _rivalled(steps: Sequence[Step], heard: Sequence[Offer]) -> Diagnosis | None:
    """Case f: another proxy, which it may have heeded."""
    for offer in heard:
        if not offer.address and offer.vendor.startswith((PXE_CLIENT, "HTTPClient")):
            named = f" with {offer.file}" if offer.file else ""
            return Diagnosis(
                Stage.OFFER,
                _rivals_code(steps),
                f"{offer.server} answers boot clients too{named}, and this machine did "
                "not come to us",
                f"switch the boot service of {offer.server} off, or fastboot's",
            )
    return None


def _rivals_code(steps: Sequence[Step]) -> str:
    """What shows where another proxy is asked, or a file of its own is not there."""
    match _firmware(steps):
        case "iPXE":
            return "Connection timed out"
        case "HTTP boot":
            return ""
        case _:
            return "PXE-E16, PXE-E18, PXE-E23 or PXE-E99"


def _unreachable(offered: Step, steps: Sequence[Step]) -> Diagnosis:
    """Case g: it was given a URL, and asked for nothing."""
    host = host_of(offered.text)
    return Diagnosis(
        Stage.SCRIPT if _firmware(steps) == "iPXE" else Stage.PROGRAM,
        screen(steps, Stop.TIMEOUT),
        f"it was told to load {offered.text}, and no request came",
        f"see that nothing between blocks TCP to {host}, and that it is an address "
        "which the machine can reach",
    )
