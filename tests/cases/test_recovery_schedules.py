"""Schedules over failures, edits and runs by hand: nothing is lost without a word."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from scheduler_defs import tags
from scheduler_defs.declarations import Declarations
from scheduler_defs.declarations.models.declared import Comparison, Fire, Operator, Overlap, Schedule
from scheduler_defs.evaluation.facts.active_runs import read_runs
from scheduler_defs.evaluation.facts.late_instants import LateInstants
from scheduler_defs.evaluation.live import version_of
from scheduler_defs.evaluation.rules import Do, decide
from scheduler_defs.execution.queue.choice.select import QueuedRun, in_order
from scheduler_defs.graphql.history import occurrence_rows
from scheduler_defs.ledger.lines import newest
from scheduler_defs.ledger.versions import come_into_force
from scheduler_defs.timing import CatchUp, CronSpec, EverySpec, Policies
from tests.cases.ticking import Yard, at, due, ids, schedule
from tests.unit.declarations.yards import load_yard

ROOT = Path(__file__).parents[2]


@pytest.fixture
def yard(dagster_url: str) -> Iterator[Yard]:
    engine = sa.create_engine(dagster_url)
    yield Yard(engine)
    engine.dispose()


def page(name: str) -> str:
    """A page of the documentation as one line."""
    return " ".join((ROOT / "docs" / name).read_text().split())


# recovery-U05: runs by hand and conditions


@pytest.mark.case("recovery-U05")
def test_given_a_run_by_hand_of_a_conditional_schedule_then_it_neither_starts_nor_respects_the_cooldown(
    yard: Yard, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    what = schedule(
        timing=EverySpec.parse("1m"),
        kind="conditional",
        when=Comparison(subject=f"file.exists:{flag}", op=Operator.EQ, value=True),
        fire=Fire.EDGE,
        cooldown=dt.timedelta(minutes=5),
        overlap=Overlap.ALLOW,
    )
    yard.serve(what, since=at(8, 59, 30))
    assert due(yard.tick(what, at(9))) == []
    by_hand(yard, "by-hand", what)
    flag.touch()
    assert due(yard.tick(what, at(9, 1))) == ["09:01"]
    assert "A run by hand neither starts nor respects it" in page("schedules/conditions.md")


def by_hand(yard: Yard, run_id: str, what: Schedule) -> None:
    add_run(yard.engine, run_id, {tags.SCHEDULE: what.name, tags.TRIGGER: tags.Trigger.RUN_NOW.value})


def add_run(engine: sa.Engine, run_id: str, run_tags: dict[str, str], status: str = "STARTED") -> None:
    """A run as Dagster stores it."""
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO runs (run_id, pipeline_name, status, run_body) VALUES (:id, 'report', :status, '{}')"
            ),
            {"id": run_id, "status": status},
        )
        for key, value in run_tags.items():
            connection.execute(
                sa.text("INSERT INTO run_tags (run_id, key, value) VALUES (:id, :key, :value)"),
                {"id": run_id, "key": key, "value": value},
            )


# recovery-U06: declared a moment too late


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    return tmp_path


def served(yard: Yard, folder: Path, text: str, since: dt.datetime) -> Declarations:
    """What a code server does that has loaded these files at that moment."""
    found = load_yard(folder, text)
    assert found.problems == ()
    declarations = found.declarations
    come_into_force(
        yard.engine,
        version_of(declarations),
        at=since,
        actor="test",
        passed=LateInstants(declarations, since),
    )
    return declarations


def written(folder: Path) -> dt.datetime:
    return dt.datetime.fromtimestamp((folder / "config" / "a.yaml").stat().st_ctime, tz=dt.UTC)


@pytest.mark.case("recovery-U06")
@pytest.mark.parametrize("kind", ["at", "cron"])
def test_given_an_instant_between_the_writing_of_its_file_and_its_being_served_then_history_says_so(
    yard: Yard, folder: Path, kind: str
) -> None:
    first = "schedules:\n  old: {job: log_triage, every: 1d}\n"
    served(yard, folder, first, dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5))
    minute = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
    rule = f"at: {minute:%Y-%m-%dT%H:%M}" if kind == "at" else f"cron: '{minute.minute} {minute.hour} * * *'"
    since = minute + dt.timedelta(seconds=3)
    declarations = served(yard, folder, f"{first}  a: {{job: log_triage, {rule}}}\n", since)
    assert written(folder) < minute < since
    (line,) = newest(yard.engine, "a", 5)
    (row,) = occurrence_rows(declarations.schedules["a"], [], [line])
    assert dt.datetime.fromisoformat(row["scheduled_for"]) == minute
    assert row["outcome"] == "missed"
    assert row["reason"] == (
        f"declared too late: it had passed when the rule came into force, at {since.isoformat(timespec='seconds')}"
    )
    assert newest(yard.engine, "old", 5) == []
    # Served again, by another process: nothing new.
    served(yard, folder, f"{first}  a: {{job: log_triage, {rule}}}\n", since + dt.timedelta(minutes=1))
    assert len(newest(yard.engine, "a", 5)) == 1


@pytest.mark.case("recovery-U06")
@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ("every: 1m", 1),
        ("every: 1m, enabled: false", 0),
        ("check_every: 1m, when: {subject: env:X, op: exists}", 0),
        ("cron: '0 0 29 2 *'", 0),
    ],
)
def test_given_other_rules_then_only_what_would_have_run_is_spoken_of(
    yard: Yard, folder: Path, rule: str, count: int
) -> None:
    first = "schedules:\n  old: {job: log_triage, every: 1d}\n"
    served(yard, folder, first, dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5))
    load_yard(folder, f"{first}  a: {{job: log_triage, {rule}}}\n")
    minute = written(folder).replace(second=0, microsecond=0) + dt.timedelta(minutes=1, seconds=3)
    served(yard, folder, f"{first}  a: {{job: log_triage, {rule}}}\n", minute)
    assert len(newest(yard.engine, "a", 5)) == count


@pytest.mark.case("recovery-U06")
def test_given_the_first_start_or_an_old_file_then_nothing_was_declared_too_late(
    yard: Yard, folder: Path
) -> None:
    text = "schedules:\n  a: {job: log_triage, every: 1m}\n"
    load_yard(folder, text)
    served(yard, folder, text, written(folder) + dt.timedelta(minutes=3))
    assert newest(yard.engine, "a", 5) == []
    served(
        yard, folder, text + "  b: {job: log_triage, every: 2m}\n", written(folder) + dt.timedelta(hours=2)
    )
    assert newest(yard.engine, "b", 5) == []


@pytest.mark.case("recovery-U06")
def test_given_an_edit_when_the_rule_before_had_decided_the_instant_then_that_stays(
    yard: Yard, folder: Path
) -> None:
    text = "schedules:\n  s: {job: log_triage, every: 1m}\n"
    load_yard(folder, text)
    minute = written(folder).replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
    declarations = served(yard, folder, text, minute - dt.timedelta(minutes=3))
    yard.tick(declarations.schedules["s"], minute)
    served(yard, folder, text.replace("every: 1m", "cron: '* * * * *'"), minute + dt.timedelta(seconds=5))
    assert [line.outcome.value for line in newest(yard.engine, "s", 1)] == ["launched"]


# recovery-X-own-grant: a tick that failed is repeated


@pytest.mark.case("recovery-X-own-grant")
@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE, Overlap.ALLOW])
@pytest.mark.parametrize("limit", [{}, {"max_per_job": 6}, {"max_global": 6}])
def test_given_inserts_that_fail_after_the_decision_when_the_tick_is_repeated_then_each_occurrence_runs(
    yard: Yard, overlap: Overlap, limit: dict[str, int]
) -> None:
    daily = CronSpec(("12 23 * * *",), "UTC")
    six = [schedule(f"s{number}", daily, overlap=overlap, **limit) for number in range(6)]
    yard.serve(*six, since=at(8, 30))
    first = [yard.evaluate(each, at(23, 12)) for each in six]  # decided and granted, and no run is made
    again = [yard.evaluate(each, at(23, 12), at(23, 12, 42)) for each in six]
    assert [due(each) for each in again] == [["23:12"]] * 6
    assert [ids(each) for each in again] == [ids(each) for each in first]


@pytest.mark.case("recovery-X-own-grant")
@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE])
def test_given_a_decision_that_cannot_be_written_when_the_tick_is_repeated_then_it_runs(
    yard: Yard, overlap: Overlap, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = schedule(overlap=overlap, max_per_job=1)
    yard.serve(what, since=at(8, 30))
    with monkeypatch.context() as patch:

        def full(_decided: object) -> None:
            raise OperationalError("INSERT", {}, Exception("could not extend file: No space left on device"))

        patch.setattr(yard.evaluator.book, "write", full)
        with pytest.raises(OperationalError):
            yard.evaluate(what, at(9))
    assert due(yard.evaluate(what, at(9), at(9, 0, 2))) == ["09:00"]


@pytest.mark.case("recovery-X-own-grant")
def test_given_a_tick_that_failed_when_the_next_is_due_then_both_occurrences_are_accounted_for(
    yard: Yard,
) -> None:
    what = schedule(timing=EverySpec.parse("1m"))
    yard.serve(what, since=at(23, 21, 30))
    first = yard.evaluate(what, at(23, 22))
    later = yard.evaluate(what, at(23, 23))
    assert ids(first)[0] in ids(later)
    assert [row[:2] for row in yard.rows()] == [("23:22", "launched"), ("23:23", "skipped")]


# recovery-X-readded: switched by hand, removed, added again


@pytest.mark.case("recovery-X-readded")
@pytest.mark.parametrize("catch_up", [CatchUp.LATEST, CatchUp.ALL])
def test_given_a_schedule_that_somebody_had_switched_on_when_it_is_removed_and_added_again_then_it_begins_anew(
    yard: Yard, catch_up: CatchUp
) -> None:
    what = schedule("hand", EverySpec.parse("1m"), Policies(catch_up=catch_up), enabled=False)
    since = {"hand": at(8, 59)}  # the row of a schedule that was switched stays, with its old beginning
    yard.serve(what, since=at(8, 59, 30))
    assert due(yard.tick(what, at(9))) == ["09:00"]
    yard.serve(since=at(9, 0, 30))
    yard.serve(what, since=at(9, 3, 30))
    yard.seconds += 60
    outcome = yard.evaluator.evaluate(Declarations(), what, at(9, 4), at(9, 4, 1), lambda: since)
    assert due(outcome) == ["09:04"]
    assert tags.MISSED not in outcome.launches[0].tags
    assert [row[0] for row in yard.rows("hand")] == ["09:00", "09:04"]


# recovery-Q05: what counts as a run of the schedule


@pytest.mark.case("recovery-Q05")
def test_given_a_reexecution_or_a_run_from_the_launchpad_then_only_the_first_counts_for_overlap(
    dagster_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", dagster_url)
    engine = sa.create_engine(dagster_url)
    what = schedule(overlap=Overlap.SKIP)
    add_run(engine, "launchpad", {tags.JOB: "report"})
    assert decide(what, read_runs()).do is Do.RUN
    # Dagster copies the tags of the run that is executed again.
    add_run(engine, "again", {tags.JOB: "report", tags.SCHEDULE: "s", "dagster/parent_run_id": "first"})
    assert decide(what, read_runs()).do is Do.SKIP
    engine.dispose()
    said = page("schedules/overlap.md")
    assert "A run-now counts as a run of its schedule, and so does a re-execution of one of its runs" in said
    assert "A launchpad run of the job does not: it is of no schedule" in said


# recovery-Q07: priority is worth waiting


@pytest.mark.case("recovery-Q07")
@pytest.mark.parametrize(("waited", "first"), [(66, "mid"), (54, "new")])
def test_given_priority_then_a_minute_of_waiting_is_worth_a_point_as_documented(
    waited: int, first: str
) -> None:
    mid = QueuedRun("mid", 1, 1_000.0, {})
    new = QueuedRun("new", 2, 1_000.0 + waited, {tags.PRIORITY: "1"})
    assert in_order([new, mid])[0].run_id == first
    told = "Higher goes first among runs that wait; each minute of waiting counts as one point more."
    assert page("reference/declarations.md").count(told) == 2


# edits take effect at once, and only forwards


@pytest.mark.parametrize(
    ("before", "after", "tick", "now"),
    [
        (
            {"policies": Policies(jitter=dt.timedelta(minutes=30))},
            {"policies": Policies()},
            at(10),
            at(10, 0, 1),
        ),
        ({"overlap": Overlap.SKIP}, {"overlap": Overlap.ALLOW}, at(10), at(10, 0, 1)),
        (
            {"timing": CronSpec(("0 * * * *",), "UTC")},
            {"timing": CronSpec(("0 * * * *",), "Asia/Kolkata")},
            at(9, 30),
            at(9, 30, 1),
        ),
    ],
)
def test_given_an_edit_of_jitter_policy_or_zone_then_nothing_of_before_runs_and_the_new_one_holds_at_once(
    yard: Yard, before: dict[str, object], after: dict[str, object], tick: dt.datetime, now: dt.datetime
) -> None:
    old, new = schedule(**before), schedule(**after)  # type: ignore[arg-type]
    yard.serve(old, since=at(7, 30))
    yard.tick(old, at(8))
    yard.serve(new, since=at(9, 15))
    outcome = yard.tick(new, tick, now)
    assert due(outcome) == [f"{tick:%H:%M}"]
    launched = [row[0] for row in yard.rows() if row[1] == "launched"]
    assert launched in (["08:00", f"{tick:%H:%M}"], [f"{tick:%H:%M}"])
