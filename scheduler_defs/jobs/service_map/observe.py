"""Looking at the processes and sockets of this machine, with psutil."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import psutil

from scheduler_defs.jobs.service_map.snapshot import Listener, Problem, Process, service_name

_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


def processes(sample_seconds: float) -> tuple[list[Process], list[Problem]]:
    """All processes, their processor time measured over the sample. Those that end meanwhile are left out."""
    seen: list[tuple[psutil.Process, float]] = []
    for process in _all():
        try:
            times = process.cpu_times()
            seen.append((process, times.user + times.system))
        except _GONE:
            continue
        except (psutil.Error, OSError):
            seen.append((process, 0.0))
    started = time.monotonic()
    time.sleep(sample_seconds)
    elapsed = max(time.monotonic() - started, 1e-6)
    found: list[Process] = []
    problems: list[Problem] = []
    for process, before in seen:
        try:
            found.append(_process(process, before, elapsed))
        except _GONE:
            continue
        except (psutil.Error, OSError) as error:
            problems.append(Problem(f"process {process.pid}", _reason(error)))
    return found, problems


def listeners(by_pid: dict[int, Process]) -> tuple[list[Listener], list[Problem]]:
    """Sockets that wait for others. Without rights, those of other users have no service."""
    try:
        connections = psutil.net_connections(kind="inet")
    except (psutil.Error, OSError) as error:
        return [], [Problem("sockets", _reason(error))]
    found: set[Listener] = set()
    for connection in connections:
        tcp = connection.type == socket.SOCK_STREAM
        waits = connection.status == psutil.CONN_LISTEN if tcp else not connection.raddr
        if not waits or not connection.laddr:
            continue
        owner = by_pid.get(connection.pid) if connection.pid else None
        protocol = ("tcp" if tcp else "udp") + ("6" if connection.family == socket.AF_INET6 else "")
        found.add(
            Listener(
                protocol=protocol,
                address=connection.laddr.ip,
                port=connection.laddr.port,
                service=owner.service if owner else None,
                pid=connection.pid,
                user=owner.user if owner else None,
            )
        )
    return sorted(found, key=lambda item: (item.port, item.protocol, item.address, item.pid or 0)), []


def machine() -> tuple[float, float, int, tuple[float, float, float] | None]:
    """Processor use in percent since the last call, memory use in percent, memory in bytes, load averages."""
    memory = psutil.virtual_memory()
    try:
        load = psutil.getloadavg()
    except (AttributeError, OSError):
        load = None
    return psutil.cpu_percent(), memory.percent, memory.total, load


def _all() -> Iterator[psutil.Process]:
    for pid in psutil.pids():
        try:
            yield psutil.Process(pid)
        except _GONE:
            continue


def _process(process: psutil.Process, before: float, elapsed: float) -> Process:
    with process.oneshot():
        name = process.name()
        try:
            command = process.cmdline()
        except psutil.AccessDenied:
            command = []
        try:
            user = process.username()
        except (KeyError, psutil.AccessDenied):
            user = "?"
        times = process.cpu_times()
        return Process(
            pid=process.pid,
            service=service_name(name, command),
            user=user,
            cpu_percent=round(100 * max(0.0, times.user + times.system - before) / elapsed, 1),
            memory_bytes=process.memory_info().rss,
            threads=process.num_threads(),
            started=process.create_time(),
        )


def _reason(error: BaseException) -> str:
    if isinstance(error, psutil.AccessDenied | PermissionError):
        return "permission denied"
    return str(error) or type(error).__name__
