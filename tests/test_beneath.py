"""Names stay beneath the root, by the kernel's walk and by our own."""

import errno
import os
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot import beneath
from fastboot.beneath import components, open_beneath
from fastboot.errors import NotFound, Refused, Unavailable


@pytest.fixture(params=["kernel", "walk"])
def walk(request, monkeypatch):
    """Both twins, one after the other."""
    if request.param == "walk":
        monkeypatch.setattr(beneath, "_open", beneath.open_by_walk)
    elif beneath._open is beneath.open_by_walk:
        pytest.skip("the kernel has no openat2")


@pytest.fixture
def root(tmp_path):
    """A root with a file and a folder, and a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    inside = tmp_path / "root"
    (inside / "dir" / "deep").mkdir(parents=True)
    (inside / "file").write_text("file")
    (inside / "dir" / "inner").write_text("inner")
    fd = os.open(inside, os.O_RDONLY | os.O_DIRECTORY)
    yield inside, fd
    os.close(fd)


def read(fd, name):
    opened = open_beneath(fd, components(name))
    try:
        return os.read(opened, 100).decode()
    finally:
        os.close(opened)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("", ()),
        ("/", ()),
        ("//a", ("a",)),  # curl sends an absolute name so
        ("/a//b/./c", ("a", "b", "c")),
        (r"\boot\x64\wdsmgfw.efi", ("boot", "x64", "wdsmgfw.efi")),
        ("...", ("...",)),  # a name like any other
        ("CON", ("CON",)),
        ("a ", ("a ",)),
    ],
)
def test_P2_P3_P8_a_name_is_split_as_clients_mean_it(name, parts):
    assert components(name) == parts


@pytest.mark.parametrize(
    "name",
    ["..", "../x", "a/../b", r"..\..\x", r"a\..\x", "./../x", "../" * 1000 + "x"],
)
def test_P1_climbing_is_refused(name):
    with pytest.raises(Refused):
        components(name)


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "\x7f", "\x1b[2J"])
def test_P5_control_characters_are_refused(name):
    with pytest.raises(Refused):
        components(name)


@given(st.text())
def test_P5_any_text_is_components_or_refused(name):
    try:
        parts = components(name)
    except Refused:
        return
    assert all(part not in ("", ".", "..") and "/" not in part for part in parts)


@pytest.mark.usefixtures("walk")
class TestOpen:
    """The walk itself."""

    @pytest.mark.parametrize("name", ["file", "dir/inner", "//dir///inner", "./file"])
    def test_files_beneath_the_root_open(self, root, name):
        assert read(root[1], name) in ("file", "inner")

    @pytest.mark.parametrize("name", ["", "dir", "dir/deep/", "nothing", "file/x"])
    def test_what_is_no_file_is_not_found(self, root, name):
        with pytest.raises(NotFound):
            read(root[1], name)

    @pytest.mark.parametrize("name", ["x" * 256, "x/" * 3000 + "y", "\udcff" * 300])
    def test_P5_names_that_are_too_long_are_not_found(self, root, name):
        with pytest.raises(NotFound):
            read(root[1], name)

    @pytest.mark.parametrize(
        "target",
        [
            "../secret",
            "/etc/passwd",
            "dir/../../secret",
            "../root/file",
            "/proc/self/root",
        ],
    )
    def test_P6_a_link_that_leaves_the_root_is_refused(self, root, target):
        inside, fd = root
        (inside / "link").symlink_to(target)
        with pytest.raises(Refused):
            read(fd, "link")

    @pytest.mark.parametrize("target", ["secret", "missing"])
    def test_P6_whether_a_target_outside_exists_is_not_told(self, root, target):
        inside, fd = root
        (inside / "up").symlink_to("..")
        with pytest.raises(Refused) as refusal:
            read(fd, f"up/{target}")
        assert str(refusal.value) == "the name leads out of the folder"

    @pytest.mark.parametrize(
        ("link", "target", "name", "text"),
        [
            ("link", "file", "link", "file"),
            ("dir/link", "../file", "dir/link", "file"),
            ("link", "dir", "link/inner", "inner"),
            ("link", "dir/deep/..", "link/inner", "inner"),
        ],
    )
    def test_P6_links_within_the_root_are_followed(
        self, root, link, target, name, text
    ):
        inside, fd = root
        (inside / link).symlink_to(target)
        assert read(fd, name) == text

    def test_P6_a_circle_of_links_ends(self, root):
        inside, fd = root
        (inside / "a").symlink_to("b")
        (inside / "b").symlink_to("a")
        with pytest.raises(Refused):
            read(fd, "a")

    def test_P7_what_is_no_regular_file_is_refused_at_once(self, root, monkeypatch):
        inside, fd = root
        os.mkfifo(inside / "fifo")
        monkeypatch.chdir(inside)  # a socket's path has 107 bytes at the most
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind("sock")
            for name in ("fifo", "sock"):
                with pytest.raises(Refused):
                    read(fd, name)

    @pytest.mark.skipif(os.geteuid() != 0, reason="mknod needs root")
    def test_P7_a_device_is_refused(self, root):
        inside, fd = root
        os.mknod(inside / "zero", 0o20666, os.makedev(1, 5))
        with pytest.raises(Refused):
            read(fd, "zero")

    @pytest.mark.parametrize(
        ("number", "kind"),
        [
            (errno.EACCES, Refused),
            (errno.EIO, Unavailable),
            (errno.ESTALE, Unavailable),
            (errno.EMFILE, Unavailable),
        ],
    )
    def test_P9_R1_what_the_system_refuses_is_said_in_its_words(
        self, root, monkeypatch, number, kind
    ):
        def refuse(fd, path):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(beneath, "_open", refuse)
        with pytest.raises(kind, match=os.strerror(number)):
            read(root[1], "file")

    def test_nothing_stays_open(self, root):
        inside, fd = root
        (inside / "link").symlink_to("../secret")
        before = len(os.listdir("/proc/self/fd"))
        for name in ("file", "dir/inner", "dir/deep/x", "link", "dir"):
            try:
                read(fd, name)
            except (NotFound, Refused):
                pass
        assert len(os.listdir("/proc/self/fd")) == before

    def test_P6_a_link_that_flips_never_leads_out(self, root):
        inside, fd = root
        (inside / "flip").symlink_to("file")
        stop = threading.Event()

        def flip():
            targets = ("../secret", "file")
            for turn in range(10**9):
                if stop.is_set():
                    return
                (inside / "new").symlink_to(targets[turn % 2])
                os.replace(inside / "new", inside / "flip")

        thread = threading.Thread(target=flip)
        thread.start()
        try:
            for _ in range(3000):
                try:
                    assert read(fd, "flip") == "file"
                except (NotFound, Refused):
                    pass
        finally:
            stop.set()
            thread.join()


def test_P6_magic_links_are_refused_by_name():
    # RESOLVE_BENEATH refuses them as well, but openat2(2) does not promise that it
    # will for ever; the error tells which of the two it was.
    if beneath._open is beneath.open_by_walk:
        pytest.skip("the kernel has no openat2")
    process = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(OSError, match=os.strerror(errno.ELOOP)) as refusal:
            beneath._open(process, b"root/etc/passwd")
        assert refusal.value.errno == errno.ELOOP
    finally:
        os.close(process)


def test_P6_a_dot_is_no_step_that_a_link_could_climb_back(tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir/up").symlink_to("../..")
    root = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="out of the root"):
            beneath.open_by_walk(root, b"dir/./up")
    finally:
        os.close(root)


parts = st.lists(
    st.sampled_from(["dir", "deep", "file", "inner", "loop", "up", "in", "x", "."]),
    min_size=1,
    max_size=6,
)


@given(parts)
def test_both_walks_agree(parts):
    root = make_tree()
    outcomes = []
    for walk in (beneath._open, beneath.open_by_walk):
        try:
            fd = walk(root, "/".join(parts).encode())
            outcomes.append(os.fstat(fd).st_ino)
            os.close(fd)
        except OSError as error:
            outcomes.append(error.errno)
    assert outcomes[0] == outcomes[1]


def make_tree(made=[]):  # noqa: B006 (made once)
    if not made:
        import tempfile

        folder = tempfile.TemporaryDirectory()
        path = os.path.join(folder.name, "root")
        os.makedirs(os.path.join(path, "dir/deep"))
        for name in ("file", "dir/inner"):
            open(os.path.join(path, name), "w").close()
        os.symlink("loop", os.path.join(path, "loop"))
        os.symlink("../..", os.path.join(path, "dir/up"))
        os.symlink("../dir", os.path.join(path, "dir/in"))
        made += [os.open(path, os.O_RDONLY), folder]
    return made[0]


def test_P10_a_hard_link_is_the_file_itself(root):
    """Whoever may write into the folder decides what is served from it."""
    inside, fd = root
    os.link(inside / "file", inside / "same")
    assert read(fd, "/same") == "file"


def test_P10_a_file_that_others_may_not_read_is_served_where_we_may(root):
    """The folder is named in order to be served; what must not be is kept elsewhere."""
    inside, fd = root
    (inside / "file").chmod(0o600)
    assert read(fd, "/file") == "file"
