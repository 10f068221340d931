"""The account of the embedded Postgres: created once, however many ask at the same moment."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

# A `useradd` that fails for a name that is there, as the real one does, and that takes its time.
USERADD = """#!/bin/sh
[ -e "$USERS" ] && { echo "useradd: user exists" >&2; exit 9; }
sleep 0.2
[ -e "$USERS" ] && { echo "useradd: user exists" >&2; exit 9; }
: > "$USERS"
"""
ASK = """
import os, pwd, sys
from pathlib import Path
from scheduler_defs.stack.machine import accounts

def getpwnam(name):
    if not Path(os.environ["USERS"]).exists():
        raise KeyError(name)
    return pwd.getpwuid(0)

accounts.os.geteuid = lambda: 0
accounts.pwd = type("Users", (), {"getpwnam": staticmethod(getpwnam), "struct_passwd": pwd.struct_passwd})
print("ready", flush=True)
sys.stdin.readline()
assert accounts.ensure_user(Path(sys.argv[1])) is not None
"""


@pytest.mark.parametrize("processes", [3])
def test_one_of_many_processes_creates_the_account(tmp_path: Path, processes: int) -> None:
    useradd = tmp_path / "useradd"
    useradd.write_text(USERADD)
    useradd.chmod(0o755)
    lock = tmp_path / "lock"
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "USERS": str(tmp_path / "users")}

    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, str(lock)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in asking:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in asking:
        process.communicate("go\n", timeout=20)

    assert [process.returncode for process in asking] == [0] * processes
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
