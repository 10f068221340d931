"""Which components a stack has, and with which command lines."""

from __future__ import annotations

import signal
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.settings import PROJECT_ROOT, Settings
from scheduler_defs.stack import environment, folders, postgres, valkey
from scheduler_defs.stack.backoff import STORAGE_BACKOFF
from scheduler_defs.stack.component import Component, StopPhase, StopSignal
from scheduler_defs.stack.database_url import without_password
from scheduler_defs.stack.ports import UI_PORT, Ports

LOOPBACK = "127.0.0.1"
LOCATION = "signalbox"
MIGRATIONS = "migrations"
RUNS_WORKER = "worker-runs"
STEPS_WORKER = "worker-steps"


@dataclass(frozen=True)
class Options:
    """What `signalbox up` was asked for.

    `workers`: slots for runs, and as many for steps. `queues`: queues of runs that are served here; None: all
    that are declared.
    """

    host: str = LOOPBACK
    port: int | None = None
    workers: int = 2
    queues: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Plan:
    """A stack that is ready to be started. The workers are added when their queues are known.

    `storage`: the components that the migrations need. `ports`: kept while the stack lives.
    """

    id: str
    state: Path
    logs: Path
    config: Path
    exports: dict[str, str]
    ui: str
    code_server: tuple[str, int]
    components: tuple[Component, ...]
    storage: tuple[str, ...]
    ports: tuple[Ports, ...]
    options: Options

    def close(self) -> None:
        """Give the ports back."""
        for chosen in self.ports:
            chosen.close()


def make(where: Settings, options: Options) -> Plan:
    """Choose ports, prepare the data of what is embedded, and lay out the components in starting order.

    Call with the state folder's lock held. Raises SignalboxError where the machine does not allow it.
    """
    ui_ports = Ports(options.host)
    ui_port = ui_ports.from_(UI_PORT) if options.port is None else ui_ports.exactly(options.port)
    ui = f"http://{_reachable(options.host)}:{ui_port}"
    inner_ports = Ports(LOOPBACK)
    code_server = (LOOPBACK, inner_ports.of(where.state, "code-server"))
    sockets = folders.socket_folder(where.state)
    if where.postgres_url is None or where.broker_url is None:
        # Passable, because Postgres may run as another user; what is in it is closed.
        folders.create_private(sockets, mode=0o711)
    server = postgres.prepare(where.state, sockets / "pg") if where.postgres_url is None else None
    broker = valkey.prepare(where.state, sockets) if where.broker_url is None else None
    postgres_url = where.postgres_url or (server.url if server else "")
    broker_url = where.broker_url or (broker.url if broker else "")

    exports = environment.exports(
        where, postgres_url=postgres_url, broker_url=broker_url, ui_url=ui, code_server=code_server
    )
    stack_id = uuid.uuid4().hex
    storage = (
        _postgres(server)
        if server
        else Component("postgres", None, (), without_password(postgres_url), StopPhase.STORAGE),
        _valkey(broker)
        if broker
        else Component("broker", None, ("postgres",), without_password(broker_url), StopPhase.STORAGE),
    )
    return Plan(
        id=stack_id,
        state=where.state,
        logs=where.logs,
        config=where.config,
        exports=exports,
        ui=ui,
        code_server=code_server,
        components=(
            *storage,
            _code_server(*code_server),
            _webserver(options.host, ui_port, ui),
            _daemon(),
        ),
        storage=tuple(component.name for component in storage),
        ports=(ui_ports, inner_ports),
        options=options,
    )


def worker(name: str, queues: Sequence[str], slots: int, stack_id: str) -> Component:
    """One Celery worker. It needs the tables, and neither the code server nor the webserver."""
    argv = _python(
        *("celery", "-A", "scheduler_defs.execution.celery_app", "worker"),
        *("--pool", "prefork", "--concurrency", str(slots), "--queues", ",".join(queues)),
        *("--hostname", f"{name}-{stack_id[:8]}@%h", "--loglevel", "INFO"),
        # Workers know each other through the database; these three are chatter through the broker.
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
    return Component(
        name,
        argv,
        (MIGRATIONS,),
        "queues " + ", ".join(queues),
        stop_phase=StopPhase.USERS,
        cwd=PROJECT_ROOT,
        # SIGTERM lets runs end that are about to; SIGQUIT interrupts the others.
        stop_signals=(StopSignal(signal.SIGTERM), StopSignal(signal.SIGQUIT, after_seconds=1.0)),
        # Without the supervisor nobody waits: commands must be gone within 2 s, without their grace.
        death_signal=signal.SIGKILL,
    )


def _postgres(server: postgres.EmbeddedPostgres) -> Component:
    return Component(
        "postgres",
        server.argv,
        (),
        str(server.sockets),
        stop_phase=StopPhase.STORAGE,
        account=server.account,
        # Fast shutdown (SIGTERM would wait for the clients), then immediate: recovered at the next start.
        stop_signals=(StopSignal(signal.SIGINT), StopSignal(signal.SIGQUIT, after_seconds=1.2)),
        death_signal=signal.SIGINT,
        backoff=STORAGE_BACKOFF,
    )


def _valkey(server: valkey.EmbeddedValkey) -> Component:
    return Component(
        "valkey",
        server.argv,
        ("postgres",),
        str(server.socket),
        stop_phase=StopPhase.STORAGE,
        cwd=server.data,
        backoff=STORAGE_BACKOFF,
    )


def _code_server(host: str, port: int) -> Component:
    argv = _python(
        *("scheduler_defs.execution.code_server", "code-server", "start", "-m", "scheduler_defs.definitions"),
        *("--host", host, "--port", str(port), "--location-name", LOCATION),
        # Other processes start Dagster with this Python, not with whatever `dagster` is on PATH.
        *("--use-python-environment-entry-point", "--log-level", "warning"),
    )
    return Component(
        "code-server", argv, (MIGRATIONS,), f"{host}:{port}", stop_phase=StopPhase.CODE, cwd=PROJECT_ROOT
    )


def _webserver(host: str, port: int, ui: str) -> Component:
    argv = _python(
        *("dagster_webserver", "-w", str(PROJECT_ROOT / "workspace.yaml")),
        *("--host", host, "--port", str(port), "--dagster-log-level", "warning"),
    )
    return Component("webserver", argv, ("code-server",), ui, stop_phase=StopPhase.USERS, cwd=PROJECT_ROOT)


def _daemon() -> Component:
    argv = _python("dagster._daemon", "run", "-w", str(PROJECT_ROOT / "workspace.yaml"))
    return Component("daemon", argv, ("code-server",), "", stop_phase=StopPhase.USERS, cwd=PROJECT_ROOT)


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _reachable(host: str) -> str:
    """An address to open in a browser for a server that listens on `host`."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - read, not bound
        return LOOPBACK
    return f"[{host}]" if ":" in host else host
