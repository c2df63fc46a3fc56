"""The script that iPXE loads. That real iPXE runs it, tests/firmware shows."""

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.boot import menu as menu_module
from fastboot.boot.entries import Entry, Kind
from fastboot.boot.menu import FRESH, REST, SHOWN_MAX, Menu, write_menu
from fastboot.errors import NotFound, Refused, Unavailable
from fastboot.tree import Client, Directory

ME = Client("192.0.2.1", "http")
DEBIAN = Entry(
    "debian", Kind.LINUX, "debian/linux", ("debian/initrd.gz",), "console=ttyS0"
)
ARCH = Entry("arch", Kind.LINUX, "arch/vmlinuz", ("arch/initramfs.img",))
RESCUE = Entry("rescue.efi", Kind.EFI, "rescue.efi", cpu="x86_64")
TOOLS = Entry("tools.ipxe", Kind.SCRIPT, "tools.ipxe")


def lines(*entries, timeout=5.0):
    return write_menu(entries, timeout).splitlines()


def starting(script, *words):
    return [line for line in script if line.startswith(words)]


class Screen:
    """What iPXE makes of the menu on a machine.

    It runs the lines from `:menu` to `choose` as iPXE does: `${x}` is filled in, a
    command after `&&` runs if the one before it succeeded, after `||` if it failed.

    Args:
        script: The lines.
        settings: The machine's own, "platform" and "arch".
        menus: Whether this iPXE was built with menus.

    Attributes:
        shown: The labels that can be chosen, in order.
        chosen: What is started if nobody touches a key; None: it waits for ever.
    """

    def __init__(self, script, menus=True, **settings):
        self.settings = settings
        self.menus = menus
        self.shown = []
        self.chosen = None
        start = script.index(":menu") + 1
        for line in script[start:]:
            if not line.startswith("#") and not self.run(line):
                break
            if line.startswith("choose"):
                break

    def run(self, line):
        """Run a line; whether to go on with the next."""
        due = succeeded = True
        command = []
        for word in (*line.split(), "&&"):
            if word not in ("&&", "||"):
                command.append(self.filled(word))
                continue
            if due and command:
                succeeded = self.do(*command)
                if succeeded is None:
                    return False
            due = succeeded if word == "&&" else not succeeded
            command = []
        return True

    def filled(self, word):
        for name, value in self.settings.items():
            word = word.replace(f"${{{name}}}", value)
        return word

    def do(self, command, *words):
        match command, *words:
            case "set", name, value:
                self.settings[name] = value
            case "iseq", one, other:
                return one == other
            case "menu", _:
                return self.menus
            case "item", "--gap", *_:
                pass
            case "item", name, *_:
                self.shown.append(name)
            case "choose", "--default", name, "--timeout", _, "selected":
                self.chosen = name if name in self.shown else self.shown[0]
            case "choose", "--default", _, "selected":
                pass
            case "goto", name:
                self.chosen = name
                return None
            case _:
                raise AssertionError((command, *words))
        return True


BIOS = {"platform": "pcbios", "arch": "x86_64"}
UEFI = {"platform": "efi", "arch": "x86_64"}
UEFI_ARM = {"platform": "efi", "arch": "arm64"}
ALWAYS = ["reload", "shell", "local"]


def test_it_is_an_ipxe_script():
    assert lines(DEBIAN)[0] == "#!ipxe"


def test_one_entry_starts_by_itself_after_the_timeout():
    (choose,) = starting(lines(DEBIAN), "choose")
    assert choose == "choose --default ${first} --timeout 5000 selected || goto shell"
    for machine in (BIOS, UEFI, UEFI_ARM):
        assert Screen(lines(DEBIAN), **machine).chosen == "entry1"


@pytest.mark.parametrize("machine", [BIOS, UEFI_ARM])
def test_where_the_only_entry_is_not_for_the_machine_the_next_boot_device_starts(
    machine,
):
    screen = Screen(lines(RESCUE), **machine)
    assert (screen.shown, screen.chosen) == (ALWAYS, "local")


def test_the_only_entry_starts_where_it_is_for_the_machine():
    screen = Screen(lines(RESCUE), **UEFI)
    assert (screen.shown, screen.chosen) == (["entry1", *ALWAYS], "entry1")


@pytest.mark.parametrize("machine", [BIOS, UEFI])
@pytest.mark.parametrize("entries", [(), (RESCUE, DEBIAN), (RESCUE, RESCUE)])
def test_a_menu_of_none_or_several_entries_waits_on_every_machine(entries, machine):
    assert Screen(lines(*entries), **machine).chosen is None


def test_several_entries_wait_for_a_choice():
    (choose,) = starting(lines(ARCH, DEBIAN), "choose")
    assert "--timeout" not in choose


def test_a_timeout_of_zero_waits_for_a_key():
    (choose,) = starting(lines(DEBIAN, timeout=0), "choose")
    assert "--timeout" not in choose


@pytest.mark.parametrize(
    ("entries", "machine", "first"),
    [
        ((ARCH, DEBIAN), BIOS, "entry1"),
        ((RESCUE, DEBIAN), UEFI, "entry1"),
        ((RESCUE, DEBIAN), BIOS, "entry2"),
        ((RESCUE,), BIOS, "local"),
        ((), UEFI, "local"),
    ],
)
def test_an_ipxe_without_menus_starts_the_first_entry_for_the_machine(
    entries, machine, first
):
    screen = Screen(lines(*entries), menus=False, **machine)
    assert (screen.shown, screen.chosen) == ([], first)


def test_entries_that_are_left_out_are_told_of():
    script = write_menu([ARCH, DEBIAN], 5.0, more=7).splitlines()
    assert "item --gap -- 7 more are not shown." in script
    assert not any("not shown" in line for line in lines(ARCH, DEBIAN))


def test_the_kernel_line_names_its_initrd_for_uefi():
    # Without initrd= the EFI stub of a kernel that an old iPXE loads finds none.
    script = lines(DEBIAN)
    (kernel,) = starting(script, "kernel")
    (initrd,) = starting(script, "initrd")
    assert kernel == (
        "kernel --name linux debian/linux initrd=initrd1 console=ttyS0 || goto failed"
    )
    assert initrd == "initrd --name initrd1 debian/initrd.gz || goto failed"


def test_an_efi_program_is_shown_to_machines_that_can_run_it():
    script = lines(RESCUE)
    assert (
        "iseq ${platform} efi && iseq ${arch} x86_64 && item entry1 rescue.efi ||"
        in script
    )
    assert "chain rescue.efi || goto failed" in script


def test_an_efi_program_for_an_unknown_cpu_is_shown_to_every_uefi():
    unknown = Entry("x.efi", Kind.EFI, "x.efi")
    assert "iseq ${platform} efi && item entry1 x.efi ||" in lines(unknown)


def test_a_script_is_chained():
    assert "chain tools.ipxe || goto failed" in lines(TOOLS)


def test_mac_uuid_and_arch_are_there_for_scripts():
    script = lines(TOOLS)
    assert any(line.startswith("set arch") for line in script)
    assert any("set mac" in line for line in script)


def test_a_folder_with_nothing_for_the_machine_says_so():
    assert (
        "iseq ${first} local && "
        "item --gap -- The folder holds nothing for this machine yet. ||"
    ) in lines()


def test_every_label_that_is_gone_to_exists():
    script = lines(ARCH, DEBIAN, RESCUE, TOOLS)
    labels = {line.removeprefix(":") for line in script if line.startswith(":")}
    for line in script:
        words = line.split()
        for word, target in itertools.pairwise(words):
            if word == "goto" and not target.startswith("${"):
                assert target in labels
        if "item" in words and "--gap" not in words:
            assert words[words.index("item") + 1] in labels


hostile = st.lists(
    st.sampled_from([*"ab /.${}|&;#\"'\\\n\r\t\x1b%?:-", "||", "&&", "ä", "\udcff"]),
    min_size=1,
).map("".join)
BENIGN = Entry("t", Kind.LINUX, "p", ("i",), "a")


@given(hostile, hostile, hostile)
def test_G1_no_file_name_adds_a_command(title, path, arguments):
    entry = Entry(title, Kind.LINUX, path, (path,), arguments)
    script = write_menu([entry], 5.0)
    script.encode("ascii", "ignore")
    commands = [line.split(" ", 1)[0] for line in script.splitlines()]
    plain = [line.split(" ", 1)[0] for line in write_menu([BENIGN], 5.0).splitlines()]
    assert commands == plain
    kernel = starting(script.splitlines(), "kernel")[0]
    assert kernel.split().count("||") == 1


@given(hostile)
def test_G1_no_file_name_is_expanded_by_ipxe(name):
    script = write_menu([Entry(name, Kind.SCRIPT, name)], 5.0)
    plain = write_menu([Entry("t", Kind.SCRIPT, "p")], 5.0)
    assert script.count("${") == plain.count("${")


def test_G1_a_name_that_looks_like_an_option_is_none():
    assert "chain ./-x.ipxe || goto failed" in lines(
        Entry("-x.ipxe", Kind.SCRIPT, "-x.ipxe")
    )


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def made(tmp_path):
    clock = Clock()
    folder = Directory(tmp_path)
    yield tmp_path, Menu(folder, 5.0, clock), clock
    folder.close()


def script_of(menu, name="boot.ipxe"):
    blob = menu.open(name, ME)
    return blob.read(0, blob.size).decode()


def add(path):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")


@pytest.mark.parametrize("name", ["boot.ipxe", "/autoexec.ipxe", "\\boot.ipxe"])
def test_the_menu_is_at_both_of_its_names(made, name):
    assert script_of(made[1], name).startswith("#!ipxe\n")


@pytest.mark.parametrize("name", ["", "menu.ipxe", "a/boot.ipxe"])
def test_the_menu_is_nowhere_else(made, name):
    with pytest.raises(NotFound):
        made[1].open(name, ME)


def test_a_new_file_is_seen_without_a_restart(made):
    folder, menu, clock = made
    assert "debian" not in script_of(menu)
    add(folder / "debian/linux")
    add(folder / "debian/initrd")
    clock.now += FRESH
    assert "item entry1 debian" in script_of(menu)


def test_machines_that_come_together_share_one_look(made, monkeypatch):
    _, menu, clock = made
    script_of(menu)
    monkeypatch.setattr(os, "scandir", None)
    clock.now += FRESH / 2
    assert script_of(menu)


def test_machines_that_come_together_share_one_script(made, monkeypatch):
    _, menu, _ = made
    script = script_of(menu)
    monkeypatch.setattr(menu_module, "write_menu", None)
    assert script_of(menu) == script


def test_who_asks_without_end_has_the_folder_searched_for_a_tenth_of_the_time(
    made, monkeypatch
):
    _, menu, clock = made
    looks = []
    names = Directory.names

    def slow(folder):
        looks.append(clock.now)
        clock.now += 2.0
        return names(folder)

    monkeypatch.setattr(Directory, "names", slow)
    script_of(menu)
    began = clock.now  # the age of a look counts from its end
    while clock.now < began + 2.0 * REST:
        script_of(menu)
        assert len(looks) == 1
        clock.now += 0.5
    script_of(menu)
    assert len(looks) == 2


def test_of_very_many_entries_as_many_are_shown_as_one_looks_through(made, monkeypatch):
    folder, menu, _ = made
    for number in range(SHOWN_MAX + 44):
        add(folder / f"{number:03}.efi")
    read = []
    opened = Directory.open
    monkeypatch.setattr(
        Directory, "open", lambda *args: (read.append(args[1]), opened(*args))[1]
    )
    script = script_of(menu)
    assert len(starting(script.splitlines(), ":entry")) == SHOWN_MAX
    assert "item --gap -- 44 more are not shown." in script
    assert len(read) == SHOWN_MAX  # nor is the rest looked into
    assert len(menu.entries()) == SHOWN_MAX + 44


def test_threads_that_ask_at_once_share_one_look(made, monkeypatch):
    folder, menu, _ = made
    add(folder / "tools.ipxe")
    looks = []
    names = Directory.names
    all_here = threading.Barrier(4)

    def counted(directory):
        looks.append(directory)
        return names(directory)

    monkeypatch.setattr(Directory, "names", counted)

    def ask(_):
        all_here.wait(20)
        return script_of(menu)

    with ThreadPoolExecutor(4) as pool:
        scripts = set(pool.map(ask, range(4)))
    assert len(looks) == len(scripts) == 1


def test_F6_while_a_look_hangs_machines_get_the_menu_as_it_was(made, monkeypatch):
    folder, menu, clock = made
    add(folder / "tools.ipxe")
    before = script_of(menu)
    begun, go_on, names = threading.Event(), threading.Event(), Directory.names

    def hang(directory):
        begun.set()
        assert go_on.wait(20)
        return names(directory)

    monkeypatch.setattr(Directory, "names", hang)
    monkeypatch.setattr(menu_module, "PATIENCE", 0.01)
    add(folder / "more.ipxe")
    clock.now += FRESH
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(script_of, menu)
        assert begun.wait(20)
        assert script_of(menu) == before
        go_on.set()
        assert "more" in first.result()
    assert "more" in script_of(menu)


@pytest.mark.parametrize("target", ["/etc/passwd", "odd.efi", "missing", "good.ipxe/x"])
def test_an_odd_link_is_not_in_the_menu_and_does_not_spoil_it(made, target):
    folder, menu, _ = made
    (folder / "odd.efi").symlink_to(target)
    add(folder / "good.ipxe")
    script = script_of(menu)
    assert "good.ipxe" in script
    assert "odd.efi" not in script


@pytest.mark.parametrize(
    "error", [NotFound("gone"), Refused("not yours"), Unavailable("disk failed")]
)
def test_a_file_that_cannot_be_read_does_not_spoil_the_menu(made, monkeypatch, error):
    folder, menu, _ = made
    add(folder / "some.efi")
    add(folder / "good.ipxe")

    def refuse(*_):
        raise error

    monkeypatch.setattr(Directory, "open", refuse)
    assert "good.ipxe" in script_of(menu)
