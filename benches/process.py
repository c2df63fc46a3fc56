"""A server's processes while it is measured: pinned, counted, and ended."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

STOP = 5.0
"""Seconds that a server has to leave after SIGTERM."""

_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
_TASK_CLOCK = struct.pack("=IIQQQQQ", 1, 128, 1, 0, 0, 0, 1 << 1).ljust(128, b"\0")
"""perf_event_attr: PERF_TYPE_SOFTWARE, its size, PERF_COUNT_SW_TASK_CLOCK, inherited by
every thread and process that is started later."""

_WAIT = 'read -r go && exec "$@"'
"""Becomes the server once it is pinned and its clock is attached."""


class Processes:
    """A server with all its threads and children; leaving the context ends them.

    Args:
        command: What to run.
        cpu: The one CPU that it may use; None: any.
        output: Where its output goes.
        environment: Added to our own.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        cpu: int | None,
        output: Path,
        environment: Mapping[str, str],
    ) -> None:
        with output.open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WAIT, "sh", *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        if cpu is not None:
            os.sched_setaffinity(self._process.pid, {cpu})
        self._clock = _attach(self._process.pid)
        assert self._process.stdin
        with self._process.stdin as start:
            start.write(b"\n")

    @property
    def running(self) -> bool:
        """Whether the first process has not ended."""
        return self._process.poll() is None

    def cpu_seconds(self) -> float:
        """User and system time of all threads and processes so far, ended ones too.

        By a perf counter that children inherit. Without one: by the process's clock and
        the times of children that it waited for; tftpd-hpa ignores SIGCHLD, and its
        children are then lost.
        """
        if self._clock is not None:
            return float(struct.unpack("Q", os.read(self._clock, 8))[0]) / 1e9
        pid = self._process.pid
        own = time.clock_gettime((~pid << 3) | 2)  # CPUCLOCK_SCHED of another process
        children = psutil.Process(pid).cpu_times()
        return own + children.children_user + children.children_system

    @property
    def exact(self) -> bool:
        """Whether `cpu_seconds` includes every child."""
        return self._clock is not None

    def memory(self) -> int:
        """Bytes of memory that the processes use; what they share counts once (PSS)."""
        return sum(_pss(pid) for pid in self._tree())

    def descriptors(self) -> int:
        """Open file descriptors of all processes."""
        return sum(_entries(f"/proc/{pid}/fd") for pid in self._tree())

    def _tree(self) -> list[int]:
        try:
            first = psutil.Process(self._process.pid)
            return [first.pid, *(child.pid for child in first.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        children = list(_still_there(self._tree()[1:]))
        self._process.terminate()
        try:
            self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for child in children:
            try:
                child.kill()  # psutil makes sure that it is still the same process
            except psutil.NoSuchProcess:
                pass
        if self._clock is not None:
            os.close(self._clock)


def _attach(pid: int) -> int | None:
    """A perf counter on a process and all that it will start; None: not here."""
    number = _PERF_EVENT_OPEN.get(platform.machine())
    if number is None:
        return None
    cloexec = 8
    fd = ctypes.CDLL(None).syscall(number, _TASK_CLOCK, pid, -1, -1, cloexec)
    return fd if fd >= 0 else None


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:  # ended meanwhile
        return 0
    lines = (line.split() for line in text.splitlines() if line.startswith("Pss:"))
    return sum(int(words[1]) * 1024 for words in lines)


def _still_there(pids: Iterable[int]) -> Iterator[psutil.Process]:
    """Those of the processes that have not ended meanwhile, as children do."""
    for pid in pids:
        if _entries(pid):
            with suppress(psutil.NoSuchProcess):
                yield psutil.Process(pid)


def _entries(folder: str | int) -> int:
    try:
        return len(os.listdir(folder if isinstance(folder, str) else f"/proc/{folder}"))
    except OSError:
        return 0


def softirq_seconds(cpu: int) -> float:
    """CPU seconds so far of the kernel thread that takes over a CPU's network work.

    What it does is counted to no server; it should be next to nothing.
    """
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == f"ksoftirqd/{cpu}":
            return time.clock_gettime((~process.pid << 3) | 2)
    return 0.0
