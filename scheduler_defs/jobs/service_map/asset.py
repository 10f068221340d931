"""The Dagster side of `service_map`: its config, its asset, its metadata."""

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from scheduler_defs.jobs.report_asset import ReportConfig, builtin_report, report_result
from scheduler_defs.jobs.service_map.snapshot import Scope
from scheduler_defs.private import make_private

_KNOWN_SERVICES = [
    *("dagster*", "celery*", "signalbox*", "postgres*", "valkey*", "redis*", "rabbitmq*", "beam.smp"),
    *("nginx*", "apache2", "httpd", "caddy", "haproxy", "traefik", "sshd*", "dockerd", "containerd*"),
    *("mysqld", "mariadbd", "mongod", "node", "java", "gunicorn*", "uvicorn*", "ollama*", "vllm*"),
]


class ServiceMapConfig(ReportConfig):
    """What the map shows."""

    scope: Scope = Field(
        default=Scope.allowlist, description="allowlist: names that match; all: everything that can be seen."
    )
    allowlist: list[str] = Field(
        default=_KNOWN_SERVICES, description="Globs for names of services and containers."
    )
    sample_seconds: float = Field(default=0.5, ge=0, le=60, description="How long processor use is measured.")
    docker_timeout_seconds: int = Field(default=3, ge=1, le=60, description="How long Docker may take.")


@builtin_report(
    "service_map",
    ServiceMapConfig,
    description="What listens and runs here, and what changed since the last report.",
)
def service_map(context: dg.AssetExecutionContext, config: ServiceMapConfig) -> dg.MaterializeResult:
    """Look, compare with the last report, write this one, then remember it."""
    from scheduler_defs.atomic import write_atomically
    from scheduler_defs.jobs.service_map import report
    from scheduler_defs.jobs.service_map.comparing import compare, identities
    from scheduler_defs.jobs.service_map.snapshot import within_scope
    from scheduler_defs.settings import settings

    seen = _look(config)
    shown = within_scope(seen, config.scope, config.allowlist)
    memory = settings().state / "service_map" / f"{_compared_with(config)}.json"
    last = _remembered(memory)
    changes = compare(last["identities"], identities(shown)) if last else []
    since = last["made"] if last else None
    numbers = report.numbers(shown, seen, changes)
    context.log.info(
        "%d listeners, %d services, %d changes", len(shown.listeners), numbers["services"], len(changes)
    )
    outcome = report_result(
        context,
        config,
        "service_map",
        report.data(shown, seen, changes, scope=config.scope.value, since=since),
        report.markdown(shown, seen, changes, scope=config.scope.value, since=since),
        numbers,
    )
    make_private(memory.parent)
    made = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    write_atomically(memory, json.dumps({"made": made, "identities": identities(shown)}, indent=1) + "\n")
    return outcome


def _look(config: ServiceMapConfig) -> Any:
    from scheduler_defs.jobs.service_map import containers, observe
    from scheduler_defs.jobs.service_map.snapshot import Snapshot

    observe.machine()
    processes, process_problems = observe.processes(config.sample_seconds)
    cpu_percent, memory_percent, memory_bytes, load = observe.machine()
    listeners, socket_problems = observe.listeners({process.pid: process for process in processes})
    running, docker_problems = containers.containers(
        containers.docker_address(), timeout_seconds=config.docker_timeout_seconds
    )
    return Snapshot(
        processes=tuple(processes),
        listeners=tuple(listeners),
        containers=None if running is None else tuple(running),
        cpu_percent=cpu_percent,
        memory_percent=memory_percent,
        memory_bytes=memory_bytes,
        load=load,
        problems=(*process_problems, *socket_problems, *docker_problems),
    )


def _compared_with(config: ServiceMapConfig) -> str:
    """Maps are compared with maps of the same scope and list only."""
    if config.scope is Scope.all:
        return config.scope.value
    digest = hashlib.sha256("\n".join(sorted(config.allowlist)).encode()).hexdigest()
    return f"{config.scope.value}-{digest[:12]}"


def _remembered(path: Path) -> dict[str, Any] | None:
    """The last map of this scope; None when there is none that can be read: then nothing is compared."""
    try:
        last = json.loads(path.read_text(encoding="utf-8"))
        return last if isinstance(last["identities"], dict) and isinstance(last["made"], str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
