"""The machines that are remembered: whose steps are whose, and how much is kept."""

import tracemalloc

import pytest

from fastboot import events, seen
from fastboot.timeline.book import BYTES_MAX, PACKETS_MAX
from fastboot.timeline.door import NEW_A_SECOND, NEW_AT_ONCE
from fastboot.timeline.reader import OPEN_FOR, Timeline
from fastboot.timeline.record import STEPS_MAX
from fastboot.timeline.steps import TEXT_MAX

from .history import HERE, MAC, THERE, URL, Clock, History


def resolve_nobody(address):
    return ""


def test_a_whole_boot_is_in_order():
    history = History()
    history.asks()
    history.is_offered()
    history.hears_of()
    history.asks_boot_server()
    history.probes()
    history.gets()
    assert history.kinds() == [
        *("asked", "offered", "heard", "question", "told", "probed", "got")
    ]
    history.asks("iPXE")
    history.is_offered(URL)
    history.gets("/boot.ipxe", "http")
    assert history.kinds() == ["asked", "offered", "got"]
    assert len(history.record.steps) == 10
    assert history.record.address == THERE


def test_repetitions_are_counted_not_listed():
    history = History()
    for _ in range(5):
        history.asks()
        history.is_offered()
        history.wait(8.0)
    assert [step.count for step in history.record.steps] == [5, 5]


def test_a_file_that_is_got_again_is_counted_until_another_comes_between():
    history = History()
    for name in ("a", "a", "b", "a"):
        history.gets(name)
    history.wait(600.0)
    history.gets("a")
    _, record = history.timeline.record(THERE)
    steps = [(step.text, step.count) for step in record.steps]
    assert steps == [("a", 3), ("b", 1), ("a", 1)]


def test_after_a_long_silence_it_begins_anew():
    history = History()
    history.asks()
    history.wait(600.0)
    history.asks()
    assert history.kinds() == ["asked"]
    assert len(history.record.steps) == 2


def stopped_at_the_boot_server():
    history = History()
    history.asks()
    history.is_offered()
    history.hears_of()
    history.wait(30.0)
    assert history.diagnosis.stage == "boot server"
    return history


def test_firmware_that_tries_its_next_way_is_stopped_until_it_gets_a_file():
    history = stopped_at_the_boot_server()
    history.asks("HTTP boot")
    history.is_offered(URL)
    assert history.diagnosis.stage == "boot server"  # and not: nothing is wrong
    history.gets("ipxe.efi", "http")
    assert history.diagnosis is None
    history.asks("iPXE")
    assert history.diagnosis is None  # of the attempt before that, nobody speaks


def test_what_was_wrong_stands_over_several_attempts_until_another_thing_is():
    history = stopped_at_the_boot_server()
    for firmware in ("HTTP boot", "PXE", "HTTP boot"):
        history.asks(firmware)
        history.wait(4.0)
        assert history.diagnosis.stage == "boot server"
    history.is_offered(URL)
    history.hears_of()
    history.wait(30.0)
    assert history.diagnosis.stage == "boot program"


def test_an_offer_that_is_read_before_its_question_counts():
    history = History()
    history.hears_of()
    history.asks()
    assert history.kinds() == ["asked", "heard"]


def test_offers_to_telephones_make_no_machine():
    history = History()
    history.hears_of()
    history.timeline(events.Leased(MAC, THERE, HERE, "ack", 3600, ""))
    assert history.timeline.record(MAC) is None


def test_who_is_at_an_address_is_asked_of_the_neighbour_table():
    history = History()
    history.gets()
    assert history.timeline.record(THERE)[0] == THERE
    history.timeline.tick(lambda address: {THERE: MAC}[address])
    key, record = history.timeline.record(THERE)
    assert (key, record.mac, record.address) == (MAC, MAC, THERE)
    assert history.kinds() == ["got"]


def test_an_address_that_nobody_knows_is_asked_for_once():
    history, asked = History(), []
    history.gets()
    history.timeline.tick(asked.append)
    history.timeline.tick(asked.append)
    assert asked == [THERE]


def test_addresses_that_somebody_makes_up_are_asked_for_a_few_at_a_time():
    history, asked = History(), []
    for number in range(2000):
        address = f"10.9.{number // 250}.{number % 250}"
        history.timeline(events.Finished("tftp", address, "linux", 1000, 0.1))
    history.timeline.tick(asked.append)
    assert 0 < len(asked) <= 100


@pytest.mark.parametrize("name", ["/_fastboot/", "/", "/images/"])
def test_who_reads_a_page_is_no_machine(name):
    history = History()
    history.timeline(events.Finished("http", "192.0.2.50", name, 100, 0.1))
    assert len(history.timeline) == 0


def test_a_boot_that_stopped_is_reported_once():
    history, tick = History(), []
    for _ in range(2):
        history.asks()
        history.is_offered()
        history.wait(16.0)
        tick += history.timeline.tick(resolve_nobody)
    (told,) = tick
    assert (told.client, told.stage) == (MAC, "address")
    assert history.timeline.tick(resolve_nobody) == []


def test_nobody_is_looked_at_for_ever():
    history = History()
    history.gets()
    assert history.timeline.waits
    history.wait(OPEN_FOR + 1)
    history.timeline.tick(resolve_nobody)
    assert not history.timeline.waits


def test_the_clock_is_woken_when_there_is_something_to_look_at_again():
    history, woken = History(), []
    history.timeline.wake_by(lambda: woken.append(1))
    history.asks()
    history.asks()
    assert woken == [1]


def test_the_oldest_are_forgotten_first():
    timeline = Timeline(Clock(), Clock(), clients_max=3)
    for last in (1, 2, 3, 1, 4):
        mac = f"52:54:00:00:00:0{last}"
        timeline(seen.Asked(mac, "BIOS", "PXE", "", False, True))
    assert [key[-1] for key, _ in timeline.records(9)] == ["4", "1", "3"]


def test_what_changed_since_is_told_apart():
    history = History()
    history.asks()
    version = history.timeline.version
    assert history.timeline.records(9, version) == []
    history.is_offered()
    assert len(history.timeline.records(9, version)) == 1


def test_G3_names_with_control_characters_stay_on_one_line_and_short():
    history = History()
    history.is_refused("\x1b[2J\n\u202e" + "x" * 5000)
    (step,) = history.timeline.record(THERE)[1].steps
    assert step.text.isprintable()
    assert len(step.text) <= TEXT_MAX


def test_the_steps_of_one_machine_are_bounded():
    history = History()
    for number in range(10 * STEPS_MAX):
        history.gets(f"file{number}")
    _, record = history.timeline.record(THERE)
    assert len(record.steps) == STEPS_MAX
    assert 0 <= record.began < len(record.steps)


def packet(mac, data):
    return seen.Packet(mac, ("0.0.0.0", 68), (HERE, 67), True, data)


def feed(timeline, number):
    """A machine that does all it can to be remembered at length."""
    mac = f"52:54:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    timeline(seen.Asked(mac, "UEFI x86-64", "PXE", address, False, True))
    timeline(events.Offered(mac, "UEFI x86-64", "ipxe.efi", HERE, "offer"))
    for at in range(10):
        name = f"{number}/{at}/" + "\U0001f600" * 300
        timeline(events.RequestRefused("tftp", address, name, "\U0001f600" * 300))
    for _ in range(4):
        timeline(packet(mac, b"x" * 590))


def boot(timeline, number):
    """A machine that boots from beginning to end."""
    mac = f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}"
    address = f"10.0.{number >> 8}.{number & 255}"
    offer = {"vendor": "", "boots": False, "next_server": "", "file": "", "ours": HERE}
    timeline(seen.Asked(mac, "UEFI x86-64", "PXE", "", False, True))
    timeline(events.Offered(mac, "UEFI x86-64", "ipxe.efi", HERE, "offer"))
    timeline(seen.Overheard(mac=mac, server="192.0.2.1", address=address, **offer))
    timeline(seen.Asked(mac, "UEFI x86-64", "PXE", address, True, True))
    timeline(events.Offered(mac, "UEFI x86-64", "ipxe.efi", HERE, "ack"))
    timeline(events.Probed("tftp", address, "ipxe.efi", 1000))
    timeline(events.Finished("tftp", address, "ipxe.efi", 1000, 0.1))
    timeline(seen.Asked(mac, "UEFI x86-64", "iPXE", "", False, True))
    timeline(events.Offered(mac, "UEFI x86-64", URL, HERE, "offer"))
    for name in ("/boot.ipxe", "/debian/linux", "/debian/initrd.gz"):
        timeline(events.Finished("http", address, name, number * 1000, number / 7))
    for _ in range(8):
        timeline(packet(mac, bytes(f"{number}".ljust(548), "ascii")))


@pytest.mark.slow
@pytest.mark.parametrize("machine", [boot, feed])
def test_five_thousand_machines_honest_or_not_take_less_than_32_megabytes(machine):
    clock = Clock()
    timeline = Timeline(clock, clock)
    tracemalloc.start()
    try:
        for number in range(5500):
            clock.now += 1 / NEW_A_SECOND
            machine(timeline, number)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(timeline) == 5000
    assert timeline.cost <= BYTES_MAX + PACKETS_MAX
    assert used < 32 << 20
    if machine is boot:
        assert all(len(record.steps) == 12 for _, record in timeline.records(5000))


def test_D7_machines_that_somebody_makes_up_do_not_push_out_who_is_there():
    clock = Clock()
    timeline = Timeline(clock, clock)
    boot(timeline, 0)
    (real,) = (key for key, _ in timeline.records(1))
    for number in range(1, 50_000):
        mac = f"02:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        timeline(events.Offered(mac, "BIOS", "undionly.kpxe", HERE, "offer"))
    assert len(timeline) == NEW_AT_ONCE
    assert timeline.record(real) is not None
    clock.now += 1.0
    timeline(events.Offered("02:ff:00:00:00:01", "BIOS", "x", HERE, "offer"))
    assert timeline.record("02:ff:00:00:00:01") is not None


def test_D15_a_hundred_thousand_transactions_of_one_machine_are_one_machine():
    history = History()
    history.asks()
    before = history.timeline.cost
    for xid in range(100_000):
        data = xid.to_bytes(4, "big") * 75
        history.timeline(packet(MAC, data))
    assert len(history.timeline) == 1
    assert history.timeline.cost - before < 100_000


def test_machines_that_the_doctor_plays_are_none():
    timeline = Timeline(lambda: 0.0, lambda: 0.0)
    played = "02:66:62:01:02:03"
    timeline(events.Offered(played, "BIOS", "undionly.kpxe", THERE, "offer"))
    timeline(events.Unbootable(played, "BIOS", "no boot program"))
    assert len(timeline) == 0


def asks_over_ipv6(history, firmware="PXE"):
    facts = (history.mac, history.arch, firmware, "", False, False, "", "dhcp6")
    history.timeline(seen.Asked(*facts))


def test_a_boot_over_ipv6_is_one_machines_by_the_address_that_it_took():
    history = History()
    asks_over_ipv6(history)
    history.is_offered("tftp://[fd00:1::2]/ipxe.efi")
    history.timeline(seen.Holds(MAC, "fd00:1::77"))
    history.timeline(events.Finished("tftp", "fd00:1::77", "ipxe.efi", 1000, 0.1))
    assert history.kinds() == ["asked", "offered", "got"]
    assert history.record.address == "fd00:1::77"
    assert len(history.timeline) == 1


def test_who_names_an_address_and_does_not_boot_makes_no_machine():
    history = History()
    history.timeline(seen.Holds(MAC, "fd00:1::77"))
    assert len(history.timeline) == 0


@pytest.mark.parametrize(("firmware", "attempts"), [("PXE", 2), ("iPXE", 1)])
def test_firmware_that_goes_on_over_ipv6_begins_anew_and_ipxe_does_not(
    firmware, attempts
):
    history = History(firmware=firmware)
    history.asks()
    asks_over_ipv6(history, firmware)
    assert len(history.record.steps) == 2
    assert len(history.kinds()) == 3 - attempts


def test_a_machine_that_asks_over_ipv6_changes_nothing_for_one_that_does_over_ipv4():
    history = History(hears=True)
    history.asks()
    history.is_offered()
    other = History(mac="52:54:00:00:00:08")
    other.timeline = history.timeline
    asks_over_ipv6(other)
    history.wait(16.0)
    (told,) = history.timeline.tick(resolve_nobody)
    assert "nobody was heard to give it an address" in told.reason
