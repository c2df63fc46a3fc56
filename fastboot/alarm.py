"""Linux's timerfd: a descriptor that is readable from a moment on."""

from __future__ import annotations

import ctypes
import os

_CLOCK_MONOTONIC = 1
_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK
_ABSOLUTE = 1  # TFD_TIMER_ABSTIME


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


_libc = ctypes.CDLL(None, use_errno=True)


class Alarm:
    """A timer; readable from when it goes off until it is set again, or heard.

    Attributes:
        fd: Its descriptor.

    Raises:
        OSError: There is no descriptor left.
    """

    def __init__(self) -> None:
        self.fd: int = _libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self.fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def set(self, moment: float | None) -> None:
        """Go off at this time on time.monotonic's clock; None: never."""
        # An all-zero time disarms the timer, so "at once" is a nanosecond.
        value = 0 if moment is None else max(1, int(moment * 1e9))
        self._set(value, _ABSOLUTE)

    def set_in(self, seconds: float) -> None:
        """Go off in so many seconds, above 0."""
        self._set(int(seconds * 1e9), 0)

    def hear(self) -> None:
        """Be readable no more, having gone off."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            pass  # set anew since it went off

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    def _set(self, value: int, flags: int) -> None:
        spec = _Itimerspec(_Timespec(0, 0), _Timespec(*divmod(value, 10**9)))
        _libc.timerfd_settime(self.fd, flags, ctypes.byref(spec), None)
