"""Machines as strangers have them, made of this one: variables, users, folders, and namespaces of Linux."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from scheduler_defs.settings import PROJECT_ROOT

FIRST_HOUR = Path(__file__).with_name("first_hour.py")
ABOVE = "{above}"
"""In the value of a variable: a folder that is there for this machine alone."""
NOBODY, UNKNOWN = 65534, 54321
"""Users: an ordinary one, and one of whom no file of accounts knows."""


@dataclass(frozen=True)
class Machine:
    """What is special about a machine. Things that have nothing to do with each other may be put together.

    `variables`: set, or with None not set. `user`: a number, instead of ours. `folder`: of the yard, below a
    new one. `files`: in it, before anything else is. `closed`: what is above it is its user's alone.
    `prepare`: shell lines run as root, in namespaces `spaces` of its own (options of `unshare`). `up`: words
    for `signalbox up`. `refused`: what the one line says by which `up` declines, where it cannot work.
    """

    name: str
    variables: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    umask: int = 0o022
    user: int | None = None
    folder: str = "yard"
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    closed: bool = False
    prepare: Sequence[str] = ()
    spaces: Sequence[str] = ()
    up: Sequence[str] = ()
    refused: str = ""

    @property
    def needs_root(self) -> bool:
        """Whether only root can make it."""
        return bool(self.prepare or self.spaces or self.user is not None)

    def __add__(self, other: Machine) -> Machine:
        """One that is both."""
        return Machine(
            f"{self.name}, {other.name}",
            {**self.variables, **other.variables},
            max(self.umask, other.umask, key=lambda mask: mask != 0o022),
            self.user if other.user is None else other.user,
            max(self.folder, other.folder, key=len),
            {**self.files, **other.files},
            self.closed or other.closed,
            (*self.prepare, *other.prepare),
            tuple(dict.fromkeys((*self.spaces, *other.spaces))),
            (*self.up, *other.up),
            self.refused or other.refused,
        )


def together(*machines: Machine) -> Machine:
    """One machine that is all of them."""
    return reduce(Machine.__add__, machines)


def first_hour(machine: Machine) -> list[str]:
    """What went wrong in the first minutes on such a machine; nothing when all went well."""
    above = Path(tempfile.mkdtemp(prefix="sb-machine-"))
    yard = above / machine.folder
    try:
        yard.mkdir(parents=True)
        for value in machine.variables.values():
            if value is not None and value.startswith(ABOVE):
                Path(value.replace(ABOVE, str(above))).mkdir()
        for name, text in machine.files.items():
            (yard / name).write_text(text)
        if machine.user is not None:
            for path in (above, *above.rglob("*")):
                os.chown(path, machine.user, machine.user)
        above.chmod(0o700 if machine.closed else 0o755)
        done = subprocess.run(
            _command(machine),
            cwd=yard,
            env=_variables(machine, above),
            umask=machine.umask,
            capture_output=True,
            text=True,
        )
    finally:
        shutil.rmtree(above, ignore_errors=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    if machine.refused:
        last = next(each for each in reversed(told) if "step" in each)
        lines = last["said"].splitlines()
        right = last["step"][0] == "up" and len(lines) == 1 and machine.refused in lines[0]
        return [] if right else [f"should be refused in one line: {last}"]
    wrong = [f"{each.get('step') or each.get('log')}: {each['said']}" for each in told if each.get("code", 1)]
    return wrong or ([done.stderr] if done.returncode else [])


def _command(machine: Machine) -> list[str]:
    signalbox = Path(sys.executable).with_name("signalbox")
    words = [sys.executable, "-I", str(FIRST_HOUR), str(signalbox), *machine.up]
    if not machine.needs_root:
        return words
    if machine.user is not None:
        ids = [f"--reuid={machine.user}", f"--regid={machine.user}"]
        words = ["setpriv", *ids, "--clear-groups", "--inh-caps=-all", *words]
    lines = ["set -e", *machine.prepare]
    if machine.user is not None:
        lines += _within_reach()
    return ["unshare", "-m", *machine.spaces, "sh", "-c", "\n".join([*lines, shlex.join(words)])]


def _within_reach() -> Iterator[str]:
    """What our user alone can reach, and the stranger needs as well, is laid open where it is."""
    needed = sorted({Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), PROJECT_ROOT})
    shut = {
        path: [each for each in (path, *path.parents) if not each.stat().st_mode & 0o001] for path in needed
    }
    kept = {
        path: f"/tmp/.sb-reach-{os.getpid()}-{number}" for number, path in enumerate(needed) if shut[path]
    }
    for path, place in kept.items():
        yield f"mkdir -p -m 755 {place} && mount --bind {shlex.quote(str(path))} {place}"
    for top in sorted({shut[path][-1] for path in kept}):
        yield f"mount -t tmpfs -o mode=755 none {shlex.quote(str(top))}"
    for path, place in kept.items():
        yield f"mkdir -p {shlex.quote(str(path))} && mount --bind {place} {shlex.quote(str(path))}"


def _variables(machine: Machine, above: Path) -> dict[str, str]:
    """Few, as of a new login, and those of the machine."""
    known = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
    }
    changed = {**known, **machine.variables}
    return {name: value.replace(ABOVE, str(above)) for name, value in changed.items() if value is not None}
