"""How a component's process is born: its own session, dying with the supervisor, as the right user."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

# From linux/prctl.h and linux/capability.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_PR_SET_CHILD_SUBREAPER = 36
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1
# From linux/sched.h.
_CLONE_NEWUSER = 0x10000000
# From linux/securebits.h: access(2), which Postgres asks about its own programs, then counts capabilities
# though the real user is not root. Nothing is dropped when the user changes: capset does that right after.
_NO_SETUID_FIXUP = 1 << 2
_LINUX = sys.platform.startswith("linux")
_libc = ctypes.CDLL(None, use_errno=True) if _LINUX else None
if _libc is not None:
    # Looked up here: in a forked child the loader's lock may be held by a thread that is not there.
    _FOUND = (_libc.prctl, _libc.capset, getattr(_libc, "unshare", None))


@dataclass(frozen=True)
class Account:
    """The user as whom a process runs when the supervisor is root.

    `keeps_file_access`: the process may pass folders that the account itself could not, as root could
    (CAP_DAC_OVERRIDE, Linux only). The alternative would be to open the user's folders to everybody.
    """

    name: str
    uid: int
    gid: int
    keeps_file_access: bool = False


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilitySets(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def in_child(account: Account | None = None, death_signal: int | None = None) -> Callable[[], None]:
    """What the new process does between fork and exec.

    `death_signal` is sent to it by the kernel when the thread that started it ends (Linux); so only
    a thread that lives as long as the supervisor may start components. Everything that allocates is done
    here, beforehand: the child of a process with threads should do nothing but system calls.
    """
    parent = os.getpid()
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    only = 1 << _CAP_DAC_OVERRIDE
    sets = (_CapabilitySets * 2)(_CapabilitySets(only, only, only), _CapabilitySets(0, 0, 0))

    def setup() -> None:
        if account is not None:
            keeps = account.keeps_file_access and _libc is not None
            if keeps:
                _call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
                _call("prctl", _PR_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0)
            os.setgroups([account.gid])
            os.setgid(account.gid)
            os.setuid(account.uid)
            if keeps:
                _call("capset", ctypes.byref(header), sets)
                _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)
        if death_signal is not None:
            # After the change of user, which would clear it.
            die_with(parent, death_signal)

    return setup


def known_as(uid: int, gid: int) -> Callable[[], None]:
    """What a new process does to be another user in its own eyes, and this one to everybody else (Linux).

    What it writes belongs to us. In the child it raises OSError where user namespaces are not allowed, as in
    most containers.
    """
    maps = (
        ("/proc/self/setgroups", b"deny"),
        ("/proc/self/uid_map", b"%d %d 1" % (uid, os.geteuid())),
        ("/proc/self/gid_map", b"%d %d 1" % (gid, os.getegid())),
    )

    def setup() -> None:
        _call("unshare", _CLONE_NEWUSER)
        for path, text in maps:
            descriptor = os.open(path, os.O_WRONLY)
            os.write(descriptor, text)
            os.close(descriptor)

    return setup


def die_with(parent: int, death_signal: int) -> None:
    """Have the kernel send this process a signal when its parent, with this pid, ends (Linux)."""
    if _libc is None:
        return
    _call("prctl", _PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans(on: bool) -> None:
    """Whether processes below this one that lose their parent become its children, and not init's (Linux)."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0)


def _call(function: str, *arguments: object) -> None:
    """Call libc and raise OSError where it says no."""
    if getattr(_libc, function)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{function}: {os.strerror(code)}")
