"""The first minutes of a stranger, on all kinds of machines: some together in each run, each alone when asked.

`make machines` tries each alone, which says which of them it was.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess

import pytest

from scheduler_defs.settings import PROJECT_ROOT
from tests.integration.machines.first_hour import TEXT
from tests.integration.machines.machine import ABOVE, NOBODY, UNKNOWN, Machine, first_hour, together

SHADOW = "raise SystemExit('a file of the current folder was imported')\n"
LOOPBACK_OF_SIX = ("ip link set lo up", "ip addr del 127.0.0.1/8 dev lo")
CHECKOUT = shlex.quote(str(PROJECT_ROOT))
READ_ONLY = f"mount --bind {CHECKOUT} {CHECKOUT} && mount -o remount,ro,bind {CHECKOUT}"

PLAIN = Machine("a usual one")
CLOSED = Machine("below a folder that only its user may enter", closed=True)
UMASK_77 = Machine("umask 077", umask=0o077)
UMASK_0 = Machine("umask 000", umask=0o000)
ORDINARY = Machine("an ordinary user", user=NOBODY)
NO_PASSWD = Machine("a user whom no passwd knows", user=UNKNOWN)
NO_HOME = Machine("without HOME", {"HOME": None})
LOCALE_C = Machine("LC_ALL=C", {"LC_ALL": "C", "LANG": None})
ISO = Machine("a locale of one byte a letter", {"LC_ALL": "en_US.ISO-8859-1"})
PROXY = Machine(
    "a proxy for everything", {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
)
SOCKS = Machine("a SOCKS proxy", {"ALL_PROXY": "socks5://127.0.0.1:9", "all_proxy": "socks5h://127.0.0.1:9"})
MALFORMED = Machine("a proxy that is none", {"http_proxy": "not a url", "HTTP_PROXY": "http://[::1"})
ZONE = Machine("TZ set", {"TZ": "Asia/Kathmandu"})
ODD_PATH = Machine("an odd path", folder=f'a b/100%41b {TEXT}/it\'s "here"')
LONG_PATH = Machine("a long path", folder="/".join(["long-name-of-a-folder"] * 8))
LONG_TMPDIR = Machine("a long TMPDIR", {"TMPDIR": f"{ABOVE}/{'t' * 120}"})
NO_RUNTIME = Machine("XDG_RUNTIME_DIR that nobody can write", {"XDG_RUNTIME_DIR": "/proc"})
PIP = Machine("settings of pip", {"PIP_USER": "1", "PIP_TARGET": "/t", "PIP_REQUIRE_HASHES": "1"})
SHADOWS = Machine("modules in the current folder", files={"logging.py": SHADOW, "yaml.py": SHADOW})
SIX = Machine("served on IPv6", up=("--host", "::1"))
NO_FOUR = Machine("without 127.0.0.1", prepare=LOOPBACK_OF_SIX, spaces=("-n",))
SEALED = Machine("a checkout that cannot be written", prepare=(READ_ONLY,))
HIDDEN = Machine(
    "processes of others hidden",
    prepare=("mount -o remount,hidepid=2 /proc",),
    spaces=("-p", "-f", "--mount-proc"),
    user=NOBODY,
)

ALONE = (
    PLAIN, CLOSED, UMASK_77, UMASK_0, ORDINARY, NO_PASSWD, NO_HOME, LOCALE_C, ISO, PROXY, SOCKS, MALFORMED, ZONE, ODD_PATH,
    LONG_PATH, LONG_TMPDIR, NO_RUNTIME, PIP, SHADOWS, SIX, NO_FOUR, SEALED, HIDDEN,
)  # fmt: skip
TOGETHER = (
    together(CLOSED, UMASK_77, NO_HOME, LOCALE_C, SOCKS, ZONE, ODD_PATH, NO_RUNTIME, PIP, SHADOWS),
    together(HIDDEN, UMASK_0, ISO, PROXY, LONG_PATH),
    together(SIX, SEALED, MALFORMED, LONG_TMPDIR),
)


def _possible(machine: Machine) -> None:
    if not machine.needs_root:
        return
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        pytest.skip("only root can make such a machine, with unshare and setpriv")
    if subprocess.run(["unshare", "-m", *machine.spaces, "true"], capture_output=True).returncode:
        pytest.skip("namespaces cannot be made here")


@pytest.mark.parametrize("machine", TOGETHER, ids=lambda machine: machine.name)
def test_given_a_machine_of_many_kinds_then_the_first_minutes_are_well(machine: Machine) -> None:
    _possible(machine)
    assert first_hour(machine) == []


@pytest.mark.machines
@pytest.mark.parametrize("machine", ALONE, ids=lambda machine: machine.name)
def test_given_a_machine_then_the_first_minutes_are_well(machine: Machine) -> None:
    _possible(machine)
    assert first_hour(machine) == []
