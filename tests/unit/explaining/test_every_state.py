"""Every state that the system itself makes has a cause in words: reasons, failures, waits, rests."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs.declarations.models.declared import Declarations, Position, Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.evaluation.live import version_of
from scheduler_defs.evaluation.wording import text
from scheduler_defs.execution.queue.choice.select import Reason as WaitReason
from scheduler_defs.explaining.absent import why_absent
from scheduler_defs.explaining.runs import Waits, explain_run
from scheduler_defs.explaining.schedules import explain_schedule
from scheduler_defs.explaining.tasks import explain_task
from scheduler_defs.ledger.entries import Entry, Known, Outcome
from scheduler_defs.ledger.reasons import Reason
from scheduler_defs.ledger.versions import come_into_force
from scheduler_defs.tags import Failure, Trigger
from scheduler_defs.timing import CronSpec, Policies
from tests.unit.explaining.test_explaining import run, schedule, task

DUE = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
NIGHTLY = Schedule(
    name="night-ly",
    job="report",
    timing=CronSpec(("0 * * * *",), "UTC"),
    kind="cron",
    spec="0 * * * *",
    timezone="UTC",
    source=Position(file="config/schedules.yaml", line=1, column=1),
    policies=Policies(),
)


def example(kind: type[Any]) -> Any:
    """A reason with something in each field."""
    values = {"dt.datetime": DUE, "dt.timedelta": HOUR, "int": 2, "bool": True, "float": 2.0}
    return kind(
        **{
            field.name: values.get(str(field.type).removesuffix(" | None"), "something")
            for field in dataclasses.fields(kind)
        }
    )


def is_told(words: str) -> bool:
    return bool(words.strip()) and "unknown" not in words and "None" not in words


@pytest.mark.parametrize("kind", Reason.__args__, ids=lambda kind: kind.code)
def test_every_reason_of_the_ledger_is_told(kind: type[Any]) -> None:
    reason = example(kind)
    entry = Entry(DUE, Outcome.SKIPPED, reason)
    known = Known(entry, DUE, created=False, run_status=None)
    (link, *_) = explain_schedule(schedule(), known, text(reason, DUE), at=DUE).because
    assert link.code == kind.code
    assert is_told(link.text) and len(link.text) > len(f"the occurrence of {DUE.isoformat()} was skipped: ")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_told_also_without_a_reason(outcome: Outcome) -> None:
    ran = "r1" if outcome in (Outcome.LAUNCHED, Outcome.RUN_EARLY) else None
    known = Known(Entry(DUE, outcome, None, ran), DUE, created=True, run_status=None)
    found = explain_schedule(schedule(), known, "", at=DUE)
    assert (found.because[0].code, found.state) == (outcome.value, outcome.value)
    assert is_told(found.because[0].text)


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_is_told(failure: Failure) -> None:
    (link, *_) = explain_run(run("FAILURE", failure=failure.value, error="it said so"), None, None).because
    assert link.code == failure.value
    assert "it said so" in link.text


@pytest.mark.parametrize("reason", WaitReason)
def test_every_wait_is_told_with_what_ends_it(reason: WaitReason) -> None:
    found = explain_run(run("QUEUED"), Waits(reason.value, "runs", ("team=web 1",)), None)
    assert found.because[0].code == f"waits_{reason.value}"
    assert found.next is not None and is_told(found.next.what)


@pytest.mark.parametrize("trigger", Trigger)
def test_every_trigger_is_told(trigger: Trigger) -> None:
    found = explain_run(
        run("SUCCESS", trigger=trigger.value, actor="ada", agent="vaela", task="3"), None, None
    )
    assert found.because[-1].code == f"asked_by_{trigger.value}"
    assert is_told(found.because[-1].text)


@pytest.mark.parametrize("status", ["idle", "working", "complete", "failed", "canceled", "archived"])
def test_every_state_of_a_task_is_told(status: str) -> None:
    found = explain_task(task(1, status, run_id="r1"), None, [], [])
    assert all(is_told(link.text) for link in found.because) and found.because


@pytest.fixture
def engine(dagster_url: str, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    """A ledger that knows the schedule since ten hours before it was due."""
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", dagster_url)
    found = sa.create_engine(dagster_url, poolclass=sa.NullPool)
    version = version_of(Declarations(schedules={NIGHTLY.name: NIGHTLY}))
    come_into_force(found, version, at=DUE - 10 * HOUR, actor="me")
    return found


def changed(engine: sa.Engine, change: str, at: dt.datetime, until: dt.datetime | None = None) -> None:
    pause = change in ("paused", "resumed")
    name = NIGHTLY.name if pause else dagster_name(NIGHTLY.name)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.schedule_changes (schedule, at, change, until, actor, reason)"
                " VALUES (:name, :at, :change, :until, 'ada', 'holidays')"
            ),
            {"name": name, "at": at, "change": change, "until": until},
        )


def absent(engine: sa.Engine, due: dt.datetime = DUE, now: dt.datetime = DUE + HOUR) -> tuple[str, str]:
    with engine.connect() as connection:
        link = why_absent(connection, NIGHTLY, due, now)
    return link.code, link.text


def test_given_an_occurrence_without_a_line_then_what_the_system_did_is_the_cause(engine: sa.Engine) -> None:
    assert absent(engine)[0] == "undecided"
    assert absent(engine, now=DUE + dt.timedelta(seconds=5))[0] == "deciding"
    assert absent(engine, due=DUE + 3 * HOUR)[0] == "to_come"
    assert absent(engine, due=DUE - 20 * HOUR)[0] == "not_served"
    changed(engine, "off", DUE - 2 * HOUR)
    assert absent(engine) == ("was_off", f"it was switched off then, since {moment(-2)}, by ada")
    assert absent(engine, due=DUE - 3 * HOUR)[0] == "undecided"
    changed(engine, "on", DUE - HOUR)
    changed(engine, "paused", DUE - HOUR, DUE - dt.timedelta(minutes=1))
    assert absent(engine)[0] == "undecided"
    changed(engine, "paused", DUE - dt.timedelta(minutes=1))
    assert absent(engine)[0] == "was_paused"
    assert absent(engine)[1].endswith("by ada: holidays")


def test_given_a_line_that_speaks_for_it_then_that_is_named(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.occurrences (schedule, due, outcome, gap_since, decided_at, decided_by)"
                " VALUES (:name, :due, 'missed', :since, :due, 'd')"
            ),
            {"name": NIGHTLY.name, "due": DUE + HOUR, "since": DUE - HOUR},
        )
    code, words = absent(engine, now=DUE + 5 * HOUR)
    assert (code, "speaks for it" in words) == ("missed", True)


def test_given_what_retention_dropped_then_it_is_said(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO signalbox.retention_marks (what, before) VALUES ('ledger', :at)"),
            {"at": DUE + HOUR},
        )
    assert absent(engine)[0] == "dropped"


def moment(hours: int) -> str:
    return (DUE + hours * HOUR).isoformat()
