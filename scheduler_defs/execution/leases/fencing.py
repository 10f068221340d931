"""Fencing: a worker that cannot renew its leases is dead before they are.

The main process of a Celery worker renews the leases of its children. The kernel holds a timer that kills the
main process (SIGKILL) when the renewals stop: also when the process is frozen, and also when it is frozen and
continued later. Its children die with it (PR_SET_PDEATHSIG, set by Celery), and the guards with them.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
from datetime import timedelta

from scheduler_defs.execution.life import clock

logger = logging.getLogger(__name__)

# CLOCK_BOOTTIME counts while the machine sleeps, as the database's clock does.
_CLOCK_BOOTTIME = 7
_SIGEV_SIGNAL = 0


class _SigEvent(ctypes.Structure):
    """struct sigevent of Linux: the value, the signal, how to notify, padded to 64 bytes."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("padding", ctypes.c_char * (64 - ctypes.sizeof(ctypes.c_void_p) - 8)),
    )


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _ITimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class DeadMansSwitch:
    """Kills this process (SIGKILL, by the kernel) unless `hold` is called in time. Linux only.

    Elsewhere `available` is False and nothing happens: there, the beat thread is the only fence.
    """

    def __init__(self) -> None:
        self._libc: ctypes.CDLL | None = None
        self._timer = ctypes.c_void_p()
        if not sys.platform.startswith("linux"):
            return
        for name in (None, "librt.so.1"):  # timer_create moved from librt into libc with glibc 2.34
            library = ctypes.CDLL(name, use_errno=True)
            if hasattr(library, "timer_create"):
                event = _SigEvent(signo=signal.SIGKILL, notify=_SIGEV_SIGNAL)
                if library.timer_create(_CLOCK_BOOTTIME, ctypes.byref(event), ctypes.byref(self._timer)) == 0:
                    self._libc = library
                    return
        logger.warning("no kernel timer: a frozen worker is not killed before its leases expire")

    @property
    def available(self) -> bool:
        """Whether the kernel gave us a timer."""
        return self._libc is not None

    def hold(self, seconds: float) -> None:
        """Live for `seconds` more from now; 0 switches it off."""
        if self._libc is None:
            return
        whole = int(seconds)
        spec = _ITimerSpec(_TimeSpec(0, 0), _TimeSpec(whole, int((seconds - whole) * 1e9)))
        if self._libc.timer_settime(self._timer, 0, ctypes.byref(spec), None) != 0:
            raise OSError(ctypes.get_errno(), "timer_settime")


def send(pid: int, what: signal.Signals) -> None:
    """Send a signal, whether or not the process is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, what)


def overdue(since: float, fence: timedelta, now: float | None = None) -> bool:
    """Whether work whose last renewal (or start) was at `since` (`clock.now`) must be stopped by now."""
    return (clock.now() if now is None else now) - since >= fence.total_seconds()
