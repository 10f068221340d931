"""What the database says: of itself, of workers, of what should have happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.audit.store import waiting as audit_waiting
from scheduler_defs.database.migrate import standing
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.execution.queue.capacity import AGENT_QUEUE, RUN_QUEUE
from scheduler_defs.upkeep.doctor.model import Check, Patient, named

_statement = NamedSql(Path(__file__).parent)

MOST_SKEW = dt.timedelta(seconds=2)
MOST_CONNECTIONS_USED = 0.8
SILENT_SECONDS = 60.0
UNSEALED = dt.timedelta(minutes=5)


def of_database(connection: sa.Connection, patient: Patient) -> Iterator[Check]:
    """Each of them."""
    yield Check("database", True, f"Postgres {connection.execute(_statement('clock')).one().version}")
    for look in (
        _clock,
        _connections,
        _migrations,
        _workers,
        _versions,
        _queues,
        _unlaunched,
        _leases,
        _sensors,
        _audit,
        _alerts,
    ):
        yield look(connection, patient)


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
    if not live:
        return Check("workers", False, "no worker beats", "`signalbox status` says why; logs/worker-runs.log")
    said = f"; silent: {', '.join(silent)}" if silent else ""
    advice = "forgotten after a day; look at those hosts" if silent else ""
    return Check("workers", not silent, f"{len(live)} beat{said}", advice)


def _versions(connection: sa.Connection, _patient: Patient) -> Check:
    """Those of the workers against each other's, and against this program's."""
    here = {name: version(name) for name in ("signalbox", "dagster")}
    others: dict[str, str] = {}
    for row in connection.execute(_statement("workers")):
        theirs = {name: row.versions[name] for name in here if name in row.versions}
        if row.silence <= SILENT_SECONDS and theirs != {name: here[name] for name in theirs}:
            others[row.id] = ", ".join(f"{name} {number}" for name, number in theirs.items())
    mine = ", ".join(f"{name} {number}" for name, number in here.items())
    if not others:
        return Check("versions", True, f"every worker that beats runs {mine}")
    said = "; ".join(f"{worker} runs {theirs}" for worker, theirs in sorted(others.items())[:5])
    return Check("versions", False, f"here {mine}; {said}", "restart what is of another release")


def _queues(connection: sa.Connection, patient: Patient) -> Check:
    """Celery queues that something is sent to, and that no live worker serves."""
    rows = connection.execute(_statement("workers"))
    served = {
        queue for row in rows if row.silence <= SILENT_SECONDS and not row.draining for queue in row.queues
    }
    declared = patient.declarations
    used = {
        declared.jobs[each.job].queue or RUN_QUEUE
        for each in declared.schedules.values()
        if each.job in declared.jobs
    }
    used |= {agent.celery_queue or AGENT_QUEUE for agent in declared.agents.values() if agent.enabled}
    used |= set(connection.execute(_statement("waiting_queues")).scalars())
    alone = sorted(used - served)
    advice = "start a worker for them: docs/operations.md, or name another queue" if alone else ""
    return Check("queues", not alone, named("that no live worker serves", alone), advice)


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
