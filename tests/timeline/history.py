"""Machines that boot, told as the events that our side of the network sees."""

from fastboot import events, seen
from fastboot.timeline.reader import Timeline

MAC = "52:54:00:00:00:07"
HERE = "192.0.2.2"
ROUTER = "192.0.2.1"
THERE = "192.0.2.100"
URL = f"http://{HERE}/boot.ipxe"


class Clock:
    """A clock that stands still unless told otherwise."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class History:
    """A timeline, and one machine that does things before it."""

    def __init__(self, mac=MAC, arch="UEFI x86-64", firmware="PXE", hears=True):
        self.clock = Clock()
        self.timeline = Timeline(self.clock, lambda: self.clock.now + 1e9)
        self.mac, self.arch, self.firmware, self.hears = mac, arch, firmware, hears

    def wait(self, seconds):
        self.clock.now += seconds

    def asks(self, firmware=None, silence=""):
        self.firmware = firmware or self.firmware
        self.timeline(
            seen.Asked(
                *(self.mac, self.arch, self.firmware, "", False, self.hears, silence)
            )
        )

    def is_offered(self, file="ipxe.efi"):
        self.timeline(events.Offered(self.mac, self.arch, file, HERE, "offer"))

    def hears_of(self, server=ROUTER, address=THERE, vendor="", file="", **more):
        facts = {"boots": False, "next_server": "", "ours": HERE, **more}
        self.timeline(
            seen.Overheard(
                mac=self.mac,
                server=server,
                address=address,
                vendor=vendor,
                file=file,
                **facts,
            )
        )

    def asks_boot_server(self, file="ipxe.efi"):
        self.timeline(
            seen.Asked(self.mac, self.arch, self.firmware, THERE, True, self.hears)
        )
        self.timeline(events.Offered(self.mac, self.arch, file, HERE, "ack"))

    def probes(self, name="ipxe.efi"):
        self.timeline(events.Probed("tftp", THERE, name, 1_000_000))

    def gets(self, name="ipxe.efi", protocol="tftp"):
        self.timeline(events.Finished(protocol, THERE, name, 1_000_000, 0.5))

    def loses(self, name="ipxe.efi", size=0, reason="the client never answered"):
        self.timeline(events.Failed("tftp", THERE, name, size, 9.0, reason))

    def is_refused(self, name="ipxe.efi", protocol="tftp"):
        self.timeline(events.RequestRefused(protocol, THERE, name, "no such file"))

    @property
    def record(self):
        return self.timeline.record(self.mac)[1]

    @property
    def diagnosis(self):
        return self.timeline.diagnosis(self.record)

    def kinds(self):
        return [str(step.kind) for step in self.record.attempt]
