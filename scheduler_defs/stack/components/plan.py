"""Which components a stack has, and with which command lines."""

from __future__ import annotations

import signal
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from scheduler_defs.atomic import write_atomically
from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import BROKER_URL, INSTALLATION, OWN_LOCATION, POSTGRES_URL, Settings
from scheduler_defs.stack.components import code_server, locations, parents, postgres, valkey
from scheduler_defs.stack.components.component import Component, StopPhase, StopSignal
from scheduler_defs.stack.forking import asking, place
from scheduler_defs.stack.machine import environment, folders
from scheduler_defs.stack.machine.backoff import STORAGE_BACKOFF
from scheduler_defs.stack.machine.database_url import check_readable, without_password
from scheduler_defs.stack.machine.ports import UI_PORT, Ports, check_address, is_free

LOOPBACK, LOOPBACK_OF_SIX = "127.0.0.1", "::1"
LOCATION = OWN_LOCATION
PARENT = place.COMPONENT_NAME
WORKERS_PARENT = place.OF_WORKERS
MIGRATIONS = "migrations"
RUNS_WORKER = "worker-runs"
STEPS_WORKER = "worker-steps"
AGENTS_WORKER = "worker-agents"


@dataclass(frozen=True)
class Options:
    """What `signalbox up` was asked for.

    `workers`: slots for runs, and as many for steps; those for agents follow their limits. `queues`: queues
    of runs that are served here; None: all that are declared. `without_login`: a `host` beyond loopback is
    meant, though nobody is asked who he is. `small`: Python processes are forked from one, where that can be.
    """

    host: str = LOOPBACK
    port: int | None = None
    workers: int = 2
    queues: tuple[str, ...] | None = None
    without_login: bool = False
    small: bool = False


@dataclass(frozen=True)
class Plan:
    """A stack that is ready to be started. The workers are added when their queues are known.

    `parents`: from which others are forked, by name. `storage`: the components that the migrations need.
    `code_server`: its socket. `workspace`: the file in which webserver and daemon find it and those of other
    locations, whose sockets are in the folder `locations`. `ports`: kept while the stack lives.
    """

    id: str
    state: Path
    logs: Path
    config: Path
    exports: dict[str, str]
    ui: str
    code_server: Path
    workspace: Path
    locations: Path
    components: tuple[Component, ...]
    parents: dict[str, Component]
    storage: tuple[str, ...]
    ports: Ports
    options: Options

    def close(self) -> None:
        """Give the ports back."""
        self.ports.close()


def make(where: Settings, options: Options) -> Plan:
    """Choose ports, prepare the data of what is embedded, and lay out the components in starting order.

    Call with the state folder's lock held. Raises SignalboxError where the machine does not allow it.
    """
    for variable, url in ((POSTGRES_URL, where.postgres_url), (BROKER_URL, where.broker_url)):
        if url is not None:
            check_readable(variable, url)
    options = replace(options, host=_there(options.host))
    check_address(f"--host {options.host}", options.host)
    reachable = _reachable(options.host).strip("[]")
    if reachable in (LOOPBACK, LOOPBACK_OF_SIX):
        check_address(f"{reachable}, on which the stack asks its webserver", reachable, connects=True)
    ui_ports = Ports(options.host)
    ui_port = _ui_port(ui_ports, options.port, where.state / "ui_port")
    prefix = urlsplit(where.public_url or "").path.rstrip("/")
    ui = f"http://{_reachable(options.host)}:{ui_port}{prefix}"
    sockets = folders.socket_folder(where.state)
    folders.create_private(sockets)
    listening = code_server.prepare(sockets / "code")
    elsewhere = sockets / "loc"
    code_server.prepare(elsewhere)
    forking = place.folder(sockets)
    folders.create_private(forking)
    workspace = where.state / "workspace.yaml"
    locations.write_workspace(workspace, listening, LOCATION, elsewhere, ())
    server = postgres.prepare(where.state, sockets / "pg") if where.postgres_url is None else None
    broker = valkey.prepare(where.state, sockets) if where.broker_url is None else None
    postgres_url = where.postgres_url or (server.url if server else "")
    broker_url = where.broker_url or (broker.url if broker else "")

    exports = environment.exports(
        where, postgres_url=postgres_url, broker_url=broker_url, ui_url=ui, code_server=listening
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
        code_server=listening,
        workspace=workspace,
        locations=elsewhere,
        components=(
            *storage,
            _code_server(listening),
            _webserver(options, ui_port, ui, prefix, where.ui_url, workspace),
            _daemon(workspace),
        ),
        parents=parents.of_stack(where.state, MIGRATIONS) if options.small and asking.is_possible() else {},
        storage=tuple(component.name for component in storage),
        ports=ui_ports,
        options=options,
    )


def _there(host: str) -> str:
    """The host; on a machine of IPv6 alone, its loopback in the place of IPv4's."""
    if host == LOOPBACK and not is_free(LOOPBACK, 0) and is_free(LOOPBACK_OF_SIX, 0):
        return LOOPBACK_OF_SIX
    return host


def _ui_port(ports: Ports, asked: int | None, last_time: Path) -> int:
    """The port that was asked for; 0 means any, None that of last time, the usual one or the next.

    `last_time`: the file that keeps the one that was chosen here, because links in alerts and tasks hold it.
    """
    if asked is not None:
        return ports.any() if asked == 0 else ports.exactly(asked)
    try:
        port = ports.exactly(int(last_time.read_text()))
    except (OSError, ValueError, SignalboxError):
        port = ports.from_(UI_PORT)
    write_atomically(last_time, f"{port}\n")
    return port


def worker(name: str, queues: Sequence[str], slots: int, stack_id: str, word: str | None = None) -> Component:
    """One Celery worker. It needs the tables, and neither the code server nor the webserver.

    `word`: what people should know of its slots.
    """
    argv = _python(
        *("celery", "-A", "scheduler_defs.execution.worker.celery_app", "worker"),
        *("--pool", "prefork", "--autoscale", f"{slots},0", "--queues", ",".join(queues)),
        *("--hostname", f"{name}-{stack_id[:8]}@%h", "--loglevel", "INFO"),
        # Workers know each other through the database; these three are chatter through the broker.
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
    return Component(
        name,
        argv,
        (MIGRATIONS,),
        "queues " + ", ".join(queues) + (f"; {word}" if word else ""),
        stop_phase=StopPhase.USERS,
        cwd=INSTALLATION,
        # SIGTERM lets runs end that are about to; SIGQUIT interrupts the others.
        stop_signals=(StopSignal(signal.SIGTERM), StopSignal(signal.SIGQUIT, after_seconds=1.0)),
        # Without the supervisor nobody waits: commands must be gone within 2 s, without their grace.
        death_signal=signal.SIGKILL,
        useless_after_seconds=15.0,
        forked=True,
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


def _code_server(socket: Path) -> Component:
    argv = _python(
        *("scheduler_defs.execution.dagster_patches.code_server", "code-server", "start"),
        *("-m", "scheduler_defs.definitions"),
        *("--socket", str(socket), "--location-name", LOCATION),
        # Other processes start Dagster with this Python, not with whatever `dagster` is on PATH.
        *("--use-python-environment-entry-point", "--log-level", "warning"),
    )
    return Component(
        "code-server",
        argv,
        (MIGRATIONS,),
        str(socket),
        stop_phase=StopPhase.CODE,
        cwd=INSTALLATION,
        # What serves is a process behind this one. When that ends, this one does; this is for one that hangs.
        # Nothing is scheduled meanwhile.
        asked_seconds=5.0,
        useless_after_seconds=5.0,
        forked=True,
    )


def _webserver(
    options: Options, port: int, ui: str, prefix: str, named: str | None, workspace: Path
) -> Component:
    """`prefix`: of the path under which people find it, such as a proxy's. `named`: what SIGNALBOX_UI_URL
    named where `up` was called, such as the address at which other hosts ask it."""
    argv = _python(
        *("scheduler_defs.web", "--workspace", str(workspace)),
        *("--host", options.host, "--port", str(port)),
        *(("--path-prefix", prefix) if prefix else ()),
        *(("--ui-url", named) if named else ()),
        *(("--without-login",) if options.without_login else ()),
    )
    return Component(
        "webserver",
        argv,
        ("code-server", locations.LOCATIONS),
        ui,
        stop_phase=StopPhase.USERS,
        cwd=INSTALLATION,
        useless_after_seconds=10.0,
        forked=True,
    )


def _daemon(workspace: Path) -> Component:
    argv = _python("dagster._daemon", "run", "-w", str(workspace))
    return Component(
        "daemon",
        argv,
        ("code-server", locations.LOCATIONS),
        "",
        stop_phase=StopPhase.USERS,
        cwd=INSTALLATION,
        # Its heartbeats, which it writes each 30 s, are all late when the clock has been set forward.
        useless_after_seconds=40.0,
        forked=True,
    )


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", *arguments)


def _reachable(host: str) -> str:
    """An address to open in a browser for a server that listens on `host`."""
    # One that listens on all of IPv6 does not answer on IPv4.
    host = {"0.0.0.0": LOOPBACK, "::": LOOPBACK_OF_SIX}.get(host, host)  # noqa: S104 - read, not bound
    return f"[{host}]" if ":" in host else host
