"""What a service map knows about one moment: plain, frozen values that become JSON."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath


class Scope(StrEnum):
    """How much of the machine a map shows. Small letters, because Dagster's config takes the names."""

    allowlist = "allowlist"
    """Services and containers whose names match the list; the others are only counted."""
    all = "all"
    """Everything that can be seen."""


@dataclass(frozen=True)
class Process:
    """One process. CPU is in percent of one core over the sample, memory is resident, in bytes."""

    pid: int
    service: str
    user: str
    cpu_percent: float
    memory_bytes: int
    threads: int
    started: float


@dataclass(frozen=True)
class Listener:
    """A socket that waits for others: TCP in LISTEN, or bound UDP. Its service may be hidden: None."""

    protocol: str
    address: str
    port: int
    service: str | None
    pid: int | None
    user: str | None


@dataclass(frozen=True)
class Container:
    """A container that runs."""

    name: str
    image: str
    status: str
    ports: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """Something that could not be looked at. Listed in the report; the rest goes on."""

    subject: str
    problem: str


@dataclass(frozen=True)
class Service:
    """Processes of one name and user, taken together."""

    name: str
    user: str
    processes: int
    cpu_percent: float
    memory_bytes: int
    threads: int
    oldest_started: float


@dataclass(frozen=True)
class Snapshot:
    """All that was seen. `docker` is None without a Docker socket."""

    processes: tuple[Process, ...]
    listeners: tuple[Listener, ...]
    containers: tuple[Container, ...] | None
    cpu_percent: float
    memory_percent: float
    memory_bytes: int
    load: tuple[float, float, float] | None
    problems: tuple[Problem, ...] = field(default=())


def services(processes: Sequence[Process]) -> list[Service]:
    """Processes by service and user, the largest in memory first."""
    groups: dict[tuple[str, str], list[Process]] = {}
    for process in processes:
        groups.setdefault((process.service, process.user), []).append(process)
    found = [
        Service(
            name=name,
            user=user,
            processes=len(members),
            cpu_percent=round(sum(member.cpu_percent for member in members), 1),
            memory_bytes=sum(member.memory_bytes for member in members),
            threads=sum(member.threads for member in members),
            oldest_started=min(member.started for member in members),
        )
        for (name, user), members in groups.items()
    ]
    return sorted(found, key=lambda service: (-service.memory_bytes, service.name, service.user))


def service_name(name: str, command: Sequence[str]) -> str:
    """What a process is called: its program, and for an interpreter what that runs.

    `python -m celery worker` is `celery`, `/venv/bin/python /venv/bin/dagster-daemon run` is
    `dagster-daemon`. Arguments are never part of it: they may hold secrets.
    """
    program = PurePath(name or (command[0] if command else "?")).name
    if not command or not _is_interpreter(PurePath(command[0]).name or program):
        # Programs that rewrite their title ("postgres: checkpointer", "nginx: worker process").
        title = command[0].split(":")[0].lstrip("[") if command and ": " in command[0] else ""
        return title if title and "/" not in title and " " not in title else program
    arguments = iter(command[1:])
    for argument in arguments:
        if argument == "-m":
            return next(arguments, program).split(".")[0]
        if argument in ("-c", "-e"):
            return program
        if argument in ("-X", "-W", "--require", "-r"):
            next(arguments, None)
        elif not argument.startswith("-"):
            return PurePath(argument).name or program
    return program


def is_allowed(name: str | None, allowlist: Sequence[str]) -> bool:
    """Whether a name matches one of the globs, whatever its case."""
    return name is not None and any(fnmatch.fnmatch(name.lower(), pattern.lower()) for pattern in allowlist)


def within_scope(snapshot: Snapshot, scope: Scope, allowlist: Sequence[str]) -> Snapshot:
    """The part of a snapshot that the report may show."""
    if scope is Scope.all:
        return snapshot
    containers = snapshot.containers
    if containers is not None:
        containers = tuple(item for item in containers if is_allowed(item.name, allowlist))
    return Snapshot(
        processes=tuple(item for item in snapshot.processes if is_allowed(item.service, allowlist)),
        listeners=tuple(item for item in snapshot.listeners if is_allowed(item.service, allowlist)),
        containers=containers,
        cpu_percent=snapshot.cpu_percent,
        memory_percent=snapshot.memory_percent,
        memory_bytes=snapshot.memory_bytes,
        load=snapshot.load,
        problems=snapshot.problems,
    )


def _is_interpreter(program: str) -> bool:
    return program.rstrip("0123456789.") in (
        "python",
        "pypy",
        "node",
        "ruby",
        "perl",
        "java",
        "php",
        "sh",
        "bash",
    )
