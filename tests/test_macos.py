"""Elsewhere than on Linux: what only Linux has is missed when it is used, not before.

No test here proves that fastboot runs on macOS, only that nothing keeps it from being
loaded there: a process that has lost what its system would not have.
"""

import subprocess
import sys

from test_floors import MODULES

DARWIN = """
import asyncio, ctypes, importlib, os, select, socket, sys, urllib.request
import click, cryptography.x509, jinja2, psutil, pytest, rich.progress, trio, uvloop
# What looks at the system as it is loaded has been loaded: now it is another one.
sys.platform = "darwin"
for name in dir(select):
    if "epoll" in name.lower():
        delattr(select, name)
for name in dir(socket):
    if name.startswith(("AF_NETLINK", "NETLINK_", "AF_PACKET", "PACKET_", "SO_BINDTO",
                        "SO_MARK", "MSG_ERRQUEUE", "SOCK_NONBLOCK", "SOCK_CLOEXEC",
                        "IP_PKTINFO", "UDPLITE_")):
        delattr(socket, name)
for name in ("O_PATH", "O_TMPFILE", "O_DIRECT", "RWF_NOWAIT", "copy_file_range",
             "eventfd", "memfd_create", "pidfd_open", "posix_fadvise",
             "sched_getaffinity", "sendfile", "splice", "timerfd_create"):
    if hasattr(os, name):
        delattr(os, name)
select.kqueue = select.kevent = None  # there, they are
"""


def on_darwin(program, *arguments):
    """What a program prints that finds itself on macOS, as far as Python tells."""
    done = subprocess.run(
        [sys.executable, "-c", DARWIN + program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"FASTBOOT_EXTENSIONS": "no", "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_is_imported_without_anything_of_linux():
    names = sorted(name for name in MODULES if not name.endswith("__main__"))
    program = "for name in sys.argv[1:]: importlib.import_module(name); print(name)"
    assert on_darwin(program, *names).split() == names


def test_the_command_has_its_help_there():
    program = "from fastboot.cli import command; command(['serve', '--help'])"
    assert "fastboot serve ./images" in on_darwin(program)


def test_one_worker_is_usual_where_the_kernel_spreads_nothing():
    program = "from fastboot.config import usual_workers; print(usual_workers())"
    assert on_darwin(program) == "1\n"


def test_ports_are_opened_without_what_only_linux_has():
    program = """
from fastboot.listen import Place, tcp, udp
for sock in (udp(Place("0.0.0.0"), 0, "TFTP"), udp(Place("::1"), 0, "TFTP"),
             tcp(Place("127.0.0.1"), 0, "HTTP")):
    print(sock.getsockname()[0])
"""
    assert on_darwin(program).split() == ["0.0.0.0", "::1", "127.0.0.1"]
