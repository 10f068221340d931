"""The checks, each a small function: what was found, and what to do about it. They change nothing."""

from __future__ import annotations

import datetime as dt
import os
import resource
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from scheduler_defs.audit.store import waiting as audit_waiting
from scheduler_defs.database.migrate import standing
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.settings import Settings

_statement = NamedSql(Path(__file__).parent)

MOST_SKEW = dt.timedelta(seconds=2)
LEAST_OPEN_FILES = 1024
MOST_CONNECTIONS_USED = 0.8
SILENT_SECONDS = 60.0
UNSEALED = dt.timedelta(minutes=5)
SOON_FULL_PERCENT = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the page. `advice` is empty when there is nothing to do."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


@dataclass(frozen=True)
class Patient:
    """What is looked at."""

    place: Settings
    declarations: Declarations
    engine: sa.Engine
    environ: Mapping[str, str]
    now: Callable[[], dt.datetime]


def examine(patient: Patient) -> Iterator[Check]:
    """Every check, in an order in which the first that fails is likely the cause of later ones."""
    yield from (_state(patient), _disk(patient), _inodes(patient), _open_files())
    try:
        with patient.engine.connect() as connection:
            yield Check("database", True, f"Postgres {connection.execute(_statement('clock')).one().version}")
            for look in (
                _clock,
                _connections,
                _migrations,
                _workers,
                _unlaunched,
                _leases,
                _sensors,
                _audit,
                _alerts,
            ):
                yield look(connection, patient)
    except OperationalError as error:
        said = str(error.orig).strip().splitlines()[0]
        yield Check("database", False, said, "`signalbox status` says whether it runs; its log is in logs/")
    yield _broker(patient)
    yield from _declared(patient)


def _state(patient: Patient) -> Check:
    open_ones = [
        name
        for name in (".", "logs", "artifacts", "compute_logs", "declarations", "audit")
        if (patient.place.state / name).exists() and (patient.place.state / name).stat().st_mode & 0o077
    ]
    # As root the embedded Postgres runs as another user, who must be able to pass through the state folder.
    if os.geteuid() == 0 and open_ones == ["."] and patient.place.state.stat().st_mode & 0o066 == 0:
        open_ones = []
    where = str(patient.place.state)
    if open_ones:
        return Check(
            "state folder", False, f"others may enter {', '.join(open_ones)}", f"chmod -R go= {where}"
        )
    return Check("state folder", True, f"{where} is for its user alone")


def _disk(patient: Patient) -> Check:
    found = os.statvfs(patient.place.state)
    free = 100 * found.f_bavail / found.f_blocks if found.f_blocks else 100.0
    detail = f"{free:.0f} % free ({found.f_bavail * found.f_frsize / (1 << 30):.1f} GiB)"
    return Check("disk", free >= SOON_FULL_PERCENT, detail, "" if free >= SOON_FULL_PERCENT else "make room")


def _inodes(patient: Patient) -> Check:
    found = os.statvfs(patient.place.state)
    free = 100 * found.f_favail / found.f_files if found.f_files else 100.0
    ok = free >= SOON_FULL_PERCENT
    return Check("inodes", ok, f"{free:.0f} % free", "" if ok else "many small files: prune artifacts")


def _open_files() -> Check:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    ok = soft >= LEAST_OPEN_FILES
    return Check("open files", ok, f"limit {soft}", "" if ok else f"ulimit -n {LEAST_OPEN_FILES} or more")


def _clock(connection: sa.Connection, patient: Patient) -> Check:
    before = patient.now()
    there = connection.execute(_statement("clock")).one().now
    skew = abs(there - (before + (patient.now() - before) / 2))
    ok = skew <= MOST_SKEW
    detail = f"{skew.total_seconds():.2f} s between this machine's clock and the database's"
    return Check("clock", ok, detail, "" if ok else "let both machines set their clocks by NTP")


def _connections(connection: sa.Connection, _patient: Patient) -> Check:
    row = connection.execute(_statement("connections")).one()
    ok = row.used <= MOST_CONNECTIONS_USED * row.allowed
    return Check(
        "connections",
        ok,
        f"{row.used} of {row.allowed} used",
        "" if ok else "raise max_connections",
    )


def _migrations(connection: sa.Connection, _patient: Patient) -> Check:
    found = standing(connection)
    ok = found.current == found.newest and not found.unknown
    advice = "" if ok else "`signalbox down`, then `signalbox up`: it migrates at the start"
    there = ", ".join(found.unknown) or found.current
    return Check("migrations", ok, f"tables are at {there}, the program is at {found.newest}", advice)


def _workers(connection: sa.Connection, _patient: Patient) -> Check:
    rows = connection.execute(_statement("workers")).all()
    silent = [row.id for row in rows if row.silence > SILENT_SECONDS]
    live = [row for row in rows if row.silence <= SILENT_SECONDS]
    kinds = {str(row.versions.get("signalbox", "")) + str(row.versions.get("dagster", "")) for row in live}
    if not live:
        return Check("workers", False, "no worker beats", "`signalbox status` says why; logs/worker-runs.log")
    if len(kinds) > 1:
        return Check("workers", False, "workers of different releases are at work", "restart the older ones")
    said = f"; silent: {', '.join(silent)}" if silent else ""
    advice = "forgotten after a day; look at those hosts" if silent else ""
    return Check("workers", not silent, f"{len(live)} beat{said}", advice)


def _unlaunched(connection: sa.Connection, _patient: Patient) -> Check:
    row = connection.execute(_statement("unlaunched")).one()
    if not row.count:
        return Check("occurrences", True, "every decided one has its run")
    detail = f"{row.count} were decided and have no run, the oldest of {row.oldest.isoformat()}"
    return Check("occurrences", False, detail, "is the daemon healthy? `signalbox status`")


def _leases(connection: sa.Connection, _patient: Patient) -> Check:
    row = connection.execute(_statement("expired_leases")).one()
    if not row.count:
        return Check("leases", True, "none has run out without its run being ended")
    detail = f"{row.count} ran out and their runs are not ended, the oldest at {row.oldest.isoformat()}"
    return Check("leases", False, detail, "run monitoring stands still: `signalbox status`, logs/daemon.log")


def _sensors(connection: sa.Connection, _patient: Patient) -> Check:
    rows = connection.execute(_statement("failing_sensors")).all()
    failing = sum(row.status == "FAILURE" for row in rows)
    advice = "" if not failing else "open Automation in the UI, or logs/daemon.log"
    return Check("sensors", not failing, f"{failing} of {len(rows)} failed at their newest tick", advice)


def _audit(connection: sa.Connection, patient: Patient) -> Check:
    entries, since = audit_waiting(connection)
    late = since is not None and patient.now() - since > UNSEALED
    advice = "the daemon seals them; `signalbox audit verify` does it now" if late else ""
    return Check("audit", not late, f"{entries} entries are not sealed yet", advice)


def _alerts(connection: sa.Connection, _patient: Patient) -> Check:
    row = connection.execute(_statement("alerts_waiting")).one()
    ok = not row.given_up
    detail = f"{row.waiting} wait to be sent, {row.given_up} were given up in the last day"
    return Check("alerts", ok, detail, "" if ok else "`signalbox alerts list` says why")


def _broker(patient: Patient) -> Check:
    url = patient.place.broker_url or ""
    scheme = urlsplit(url).scheme
    if not scheme.startswith("redis"):
        return Check("broker", True, f"{scheme or 'none named'}: its persistence is not looked at")
    import redis

    address = url.replace("redis+socket://", "unix://").partition("?")[0]
    try:
        client = redis.Redis.from_url(address, socket_timeout=3, socket_connect_timeout=3)
        kept = client.config_get("appendonly").get("appendonly")  # pyright: ignore[reportAttributeAccessIssue]
        client.close()
    except redis.RedisError as error:
        return Check("broker", False, str(error).splitlines()[0], "`signalbox status`; logs/valkey.log")
    if kept == "yes":
        return Check("broker", True, "keeps its messages on disk")
    said = "loses its messages when it ends: runs that were on their way are sent out again after 15 s"
    return Check("broker", False, said, "CONFIG SET appendonly yes, and in its configuration")


def _declared(patient: Patient) -> Iterator[Check]:
    from scheduler_defs.timing import next_occurrence

    now = patient.now()
    ended = [
        schedule.name
        for schedule in patient.declarations.schedules.values()
        if schedule.enabled and next_occurrence(schedule.timing, now, schedule.policies) is None
    ]
    advice = "remove them, or give them an end that is still to come" if ended else ""
    yield Check("schedules", not ended, _named("without an occurrence left", ended), advice)
    channels = patient.declarations.alerts.channels.values()
    unset = [f"{c.name} (${c.url_env})" for c in channels if c.url_env and not patient.environ.get(c.url_env)]
    advice = "set these variables where the stack is started" if unset else ""
    yield Check("channels", not unset, _named("whose variable is not set here", unset), advice)


def _named(what: str, names: list[str]) -> str:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"{len(names)} {what}" + (f": {shown}" if names else "")


_OF_THE_DATABASE: tuple[Callable[[sa.Connection, Patient], Check], ...] = (
    _clock,
    _connections,
    _migrations,
    _workers,
    _unlaunched,
    _leases,
    _sensors,
    _audit,
    _alerts,
)
