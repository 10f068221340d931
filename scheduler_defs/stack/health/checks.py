"""Is it healthy? Each component is asked itself: by a query, a ping, a heartbeat, never by its pid alone.

The supervisor and `signalbox status` ask the same questions.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scheduler_defs import settings
from scheduler_defs.access import credential
from scheduler_defs.errors import NotReachableError, SignalboxError
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.stack.components import code_server, locations, valkey
from scheduler_defs.stack.forking import asking, place
from scheduler_defs.stack.machine.database_url import connection_string

# Dagster's daemons write a heartbeat every 30 s; a loop that is busy is late.
DAEMON_SILENCE = dt.timedelta(seconds=120)
# Without these nothing is scheduled, launched or watched.
REQUIRED_DAEMONS = frozenset({"SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR", "MONITORING"})

# The last sign of life of each of Dagster's daemons, in seconds since the epoch, and its recent errors.
DAEMON_HEARTBEATS = """
    SELECT daemon_type, extract(epoch FROM timestamp AT TIME ZONE 'UTC')::float8, body FROM daemon_heartbeats
"""
# Seconds since a worker's last heartbeat.
WORKER_HEARTBEAT = """
    SELECT extract(epoch FROM now() - heartbeat)::float8, slots FROM signalbox.workers
    WHERE host = %s AND pid = %s ORDER BY heartbeat DESC LIMIT 1
"""
LOADED = "{ workspaceOrError { __typename ... on Workspace { locationEntries { name locationOrLoadError { "
LOADED += "__typename ... on PythonError { message } } } } } }"


class NotHealthy(Exception):
    """The component does not answer as it should; the text says how."""


class NoAnswerInTime(NotHealthy):
    """It did not answer in time: it may be busy, as the whole machine may be."""


class CannotTell(NotHealthy):
    """What was to be asked about the component could not be asked: that says nothing about it."""


class AnswersWithFault(NotHealthy):
    """The component itself is ready; what it was given to serve has a fault. Waiting does not help."""


def check(name: str, variables: Mapping[str, str], pid: int | None, started: float | None) -> str:
    """Ask the component `name` of the stack with these exports. Returns a detail worth showing, often "".

    Raises NotHealthy, or whatever the client of that component raises.
    """
    postgres_url = variables[settings.POSTGRES_URL]
    match name:
        case "postgres":
            return postgres(postgres_url)
        case "valkey" | "broker":
            return broker(variables[settings.BROKER_URL])
        case "code-server":
            return location(variables[settings.CODE_SERVER_SOCKET])
        case "webserver":
            _listens(pid, urlsplit(variables[settings.UI_URL]).port)
            return webserver(variables[settings.UI_URL], postgres_url, Path(variables[settings.STATE]))
        case place.COMPONENT_NAME | place.OF_WORKERS:
            asking.ping(place.socket_of(Path(variables[settings.STATE]), name))
            return ""
        case "daemon":
            from scheduler_defs.stack.machine import processes

            return daemon(postgres_url, processes.began(pid) or started or 0.0)
        case _ if name.startswith(locations.PREFIX):
            workspace = Path(variables[settings.STATE]) / "workspace.yaml"
            return location(locations.address(workspace, name.removeprefix(locations.PREFIX)))
        case _:
            return worker(postgres_url, pid)


def reason(error: BaseException) -> str:
    """One line for a table: what a failed check says."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def postgres(url: str) -> str:
    """A query."""
    rows(url, "SELECT 1")
    return ""


def broker(url: str) -> str:
    """PING for the embedded Valkey; a connection of Celery's own transport for any other broker."""
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":
        valkey.ping(Path(parts.path))
        return ""
    from kombu.connection import Connection

    with Connection(url, connect_timeout=3) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=4)
    return ""


def location(socket: str) -> str:
    """The code server has loaded the definitions."""
    try:
        found = code_server.loaded_repositories(socket)
    except NotReachableError as error:
        raise (NoAnswerInTime if "Deadline" in str(error) else NotHealthy)(str(error)) from error
    except SignalboxError as error:
        raise AnswersWithFault(str(error)) from error
    if found == 0:
        raise AnswersWithFault("the code location has no repository")
    return ""


def webserver(url: str, postgres_url: str, state: Path | None = None) -> str:
    """GraphQL answers, and our code location is loaded in it. `state`: where the stack's credential is."""
    try:
        workspace = graphql(url, LOADED, state=state)["workspaceOrError"]
    except TimeoutError as error:
        raise NoAnswerInTime(f"GraphQL: {error}") from error
    except NotHealthy:
        # Without the database it cannot do better.
        told(postgres_url, "SELECT 1")
        raise
    for entry in workspace.get("locationEntries", ()):
        if entry["name"] != settings.OWN_LOCATION:  # a component of its own
            continue
        found = entry["locationOrLoadError"]
        if found is None:
            raise CannotTell(f"code location {entry['name']} is being loaded")
        if found["__typename"] != "RepositoryLocation":
            raise AnswersWithFault(f"code location {entry['name']}: {found.get('message', '').strip()}")
    return ""


def daemon(postgres_url: str, started: float) -> str:
    """Every daemon that has beaten since the process started still does, and the required ones have."""
    now = dt.datetime.now(dt.UTC).timestamp()
    found = told(postgres_url, DAEMON_HEARTBEATS)
    beaten = {kind: (at, body) for kind, at, body in found if at >= started - 1}
    missing = REQUIRED_DAEMONS - beaten.keys()
    if missing:
        raise NotHealthy(f"no heartbeat yet from {', '.join(sorted(missing))}")
    silent = [kind for kind, (at, _) in beaten.items() if now - at > DAEMON_SILENCE.total_seconds()]
    if silent:
        raise NotHealthy(
            f"no heartbeat for {DAEMON_SILENCE.total_seconds():.0f} s from {', '.join(sorted(silent))}"
        )
    errors = [error for _, body in beaten.values() for error in json.loads(body or "{}").get("errors") or ()]
    return f"recent errors: {_first_line(errors[-1])}" if errors else ""


def worker(postgres_url: str, pid: int | None) -> str:
    """The worker's own heartbeat in the database."""
    found = told(postgres_url, WORKER_HEARTBEAT, (socket.gethostname(), pid))
    if not found:
        raise NotHealthy("no heartbeat yet")
    silence, slots = found[0]
    # A heartbeat of the future was written before the clock was set back.
    if abs(silence) > terms().silence.total_seconds():
        raise NotHealthy(f"no heartbeat for {abs(silence):.0f} s")
    return f"{slots} slots" if slots != 1 else "1 slot"


def rows(url: str, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    """Run one query on a connection of its own, with short time limits."""
    import psycopg2

    connection = psycopg2.connect(
        connection_string(url),
        connect_timeout=3,
        options="-c statement_timeout=5000",
        application_name="signalbox-check",
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def told(url: str, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    """As `rows`, of what the database knows about a component. Raises CannotTell without an answer."""
    import psycopg2

    try:
        return rows(url, query, values)
    except psycopg2.Error as error:
        raise CannotTell(f"not known: the database does not answer ({reason(error)})") from error


def graphql(url: str, query: str, timeout_seconds: float = 10.0, state: Path | None = None) -> dict[str, Any]:
    """The `data` of a GraphQL query to the webserver at `url`. Proxies of the environment are not used."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=timeout_seconds)
    with closing(connection):
        connection.request(
            "POST",
            parts.path.rstrip("/") + "/graphql",
            json.dumps({"query": query}),
            {"Content-Type": "application/json", **(credential.headers(state) if state else {})},
        )
        answer = connection.getresponse()
        body = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise NotHealthy(f"GraphQL answers {answer.status}")
    document = json.loads(body)
    if document.get("errors"):
        raise NotHealthy(f"GraphQL: {document['errors'][0].get('message')}")
    return document["data"]


def _listens(pid: int | None, port: int | None) -> None:
    """It is this process that answers on the port, and not another stack's with whom it was mistaken."""
    import psutil

    if pid is None:
        return
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.AccessDenied:
        return  # another user's stack: its answer has to do
    if not any(item.status == psutil.CONN_LISTEN and item.laddr.port == port for item in connections):
        raise NotHealthy(f"does not listen on port {port} yet")


def _first_line(error: object) -> str:
    message = error.get("message", "") if isinstance(error, dict) else str(error)
    return (message.strip().splitlines() or ["unknown"])[0]
