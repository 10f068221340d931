"""What faultless declarations become."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest

from scheduler_defs import launching, tags
from scheduler_defs.declarations.models.declared import (
    AllOf,
    Backoff,
    Comparison,
    Fire,
    NotOf,
    Operator,
    Overlap,
    Position,
    Retries,
)
from scheduler_defs.jobs.run_tags import job_tags
from scheduler_defs.timing import AtSpec, CatchUp, CronSpec, EverySpec, RRuleSpec, Unit, Window, occurrences
from tests.unit.declarations.yards import NOW, lines, load_yard


def test_given_a_full_schedule_when_loaded_then_every_key_arrives(tmp_path: Path) -> None:
    text = """
defaults: {timezone: America/Chicago, retries: {max_attempts: 3, base: 30s}, tags: {team: ops}, owner: me}
directives: {careful: Look twice.}
alerts: {channels: {log: {type: log}}}
schedules:
  nightly:
    job: log_triage
    cron: ["0 2 * * *", "@weekly"]
    enabled: no
    start: 2026-01-01
    end: 2026-12-31T23:00+01:00
    exclude: [2026-12-24..2026-12-26, {cron: "* 3 * * *", for: 1h}, {holidays: US}]
    overlap: cancel_running
    catch_up: {policy: all, window: 6h}
    misfire_grace: 10m
    jitter: 5m
    max_global: 0
    max_per_job: 2
    priority: -3
    retries: {max_attempts: 5, retry_on: [timeout, 7]}
    timeout: 1h30m
    directive: careful
    config: {max_groups: 5, deep: {a: [1, 0x1f, 1.50, null, true]}}
    tags: {version: 1.10, flag: true, code: 007}
    description: Every night
    notify: log
"""
    result = load_yard(tmp_path, text)
    assert lines(result) == []
    schedule = result.declarations.schedules["nightly"]
    assert schedule.timing == CronSpec(("0 2 * * *", "@weekly"), "America/Chicago")
    assert (schedule.kind, schedule.spec) == ("cron", "0 2 * * * | @weekly")
    assert schedule.enabled is False
    policies = schedule.policies
    assert policies.start == dt.datetime.fromisoformat("2026-01-01T00:00-06:00")
    assert policies.end == dt.datetime.fromisoformat("2026-12-31T16:00-06:00")
    assert len(policies.exclude) == 3
    assert (policies.catch_up, policies.catch_up_window) == (CatchUp.ALL, dt.timedelta(hours=6))
    assert (policies.misfire_grace, policies.jitter) == (dt.timedelta(minutes=10), dt.timedelta(minutes=5))
    assert schedule.overlap is Overlap.CANCEL_RUNNING
    assert (schedule.max_global, schedule.max_per_job, schedule.priority) == (0, 2, -3)
    assert schedule.retries == Retries(
        max_attempts=5, backoff=Backoff.EXPONENTIAL, base=dt.timedelta(seconds=30), retry_on=("timeout", 7)
    ), "a mapping is merged key by key with the default"
    assert schedule.timeout == dt.timedelta(minutes=90)
    assert (schedule.directive, schedule.owner, schedule.notify) == ("careful", "me", ("log",))
    assert schedule.config == {"max_groups": 5, "deep": {"a": [1, 31, 1.5, None, True]}}
    assert schedule.tags == {"team": "ops", "version": "1.10", "flag": "true", "code": "007"}
    assert schedule.source == Position(file="config/a.yaml", line=6, column=3)
    assert schedule.zone.key == "America/Chicago"
    directive = result.declarations.directives["careful"]
    assert directive.text == "Look twice."
    assert directive.digest == hashlib.sha256(b"Look twice.").hexdigest()


def test_given_each_kind_of_rule_when_loaded_then_its_spec_is_made(tmp_path: Path) -> None:
    text = """
defaults: {timezone: Europe/Berlin}
schedules:
  a: {job: log_triage, every: 3 months, anchor: 2026-01-31T09:00}
  b: {job: log_triage, rrule: FREQ=DAILY;COUNT=3, anchor: 2026-03-01, exdate: 2026-03-02, rdate: [2026-04-01T10:00]}
  c: {job: log_triage, at: [2026-12-31T23:00, 2027-01-01T00:00Z]}
  d:
    job: log_triage
    check_every: 5m
    when: {all: [{subject: "disk.free_percent:/", op: lt, value: 10}, {not: {subject: "env:CI", op: exists}}]}
    fire: edge
    cooldown: 1h
"""
    result = load_yard(tmp_path, text, now=NOW)
    assert lines(result) == []
    a, b, c, d = result.declarations.schedules.values()
    assert isinstance(a.timing, EverySpec) and (a.timing.count, a.timing.unit) == (3, Unit.MONTH)
    assert a.spec == "every 3 months from 2026-01-31T09:00"
    assert isinstance(b.timing, RRuleSpec)
    assert b.timing.exdates == (dt.date(2026, 3, 2),)
    assert b.timing.rdates == (dt.datetime.fromisoformat("2026-04-01T10:00+02:00"),)
    assert isinstance(c.timing, AtSpec)
    assert [each.isoformat() for each in c.timing.instants] == [
        "2026-12-31T23:00:00+01:00",
        "2027-01-01T01:00:00+01:00",
    ]
    assert d.kind == "conditional" and (d.fire, d.cooldown) == (Fire.EDGE, dt.timedelta(hours=1))
    assert d.when == AllOf(
        conditions=(
            Comparison(subject="disk.free_percent:/", op=Operator.LT, value=10),
            NotOf(condition=Comparison(subject="env:CI", op=Operator.EXISTS)),
        )
    )
    assert d.spec == "every 5m when (disk.free_percent:/ < 10 and not env:CI exists)"
    assert [each.kind for each in (a, b, c, d)] == ["every", "rrule", "at", "conditional"]


@pytest.mark.parametrize(
    "text",
    ["at: 2026-06-01T11:30", "at: [2026-01-01, 2026-07-01]", "at: 2026-05-31\n    catch_up: {window: 2d}"],
)
def test_given_an_instant_that_is_covered_when_checked_then_that_is_no_fault(
    tmp_path: Path, text: str
) -> None:
    assert lines(load_yard(tmp_path, f"schedules:\n  a:\n    job: log_triage\n    {text}\n", now=NOW)) == []


@pytest.mark.case("newcomer-X-at-check")
@pytest.mark.parametrize("text", ["at: 2026-05-01", "at: 2026-06-01T11:30\n    catch_up: none"])
def test_given_an_instant_that_has_passed_when_checked_then_that_is_a_note_and_no_fault(
    tmp_path: Path, text: str
) -> None:
    result = load_yard(tmp_path, f"schedules:\n  a:\n    job: log_triage\n    {text}\n", now=NOW)
    assert lines(result) == []
    (note,) = result.notes
    assert (note.line, note.column, note.path) == (4, 9, "schedules.a.at")
    assert "has passed: where this is not served yet, nothing will run" in note.message


def test_given_an_instant_that_has_passed_when_served_then_that_is_no_fault(tmp_path: Path) -> None:
    # Else a one-time schedule that has done its work would hold up every later change.
    text = "schedules:\n  a: {job: log_triage, at: 2020-01-01}\n"
    assert lines(load_yard(tmp_path, text)) == []


def test_given_several_files_of_a_kind_when_loaded_then_they_are_one_in_the_order_of_their_names(
    tmp_path: Path,
) -> None:
    files = {
        "20-more.yaml": "schedules:\n  c: {job: j, every: 1d}\ndefaults: {owner: me}\n",
        "10-first.yml": "jobs:\n  j: {command: [a]}\nschedules:\n  b: {job: j, every: 1d}\n  a: {every: 1d, job: j}\n",
    }
    result = load_yard(tmp_path, files)
    assert lines(result) == []
    assert list(result.declarations.schedules) == ["b", "a", "c"]
    assert {each.owner for each in result.declarations.schedules.values()} == {"me"}
    assert result.declarations.sources == ("config/10-first.yml", "config/20-more.yaml")


def test_given_anchors_and_merge_keys_when_loaded_then_own_keys_win(tmp_path: Path) -> None:
    text = """
x-often: &often {every: 5m, priority: 1}
x-mine: &mine {owner: me, priority: 2}
schedules:
  a: {<<: *often, job: log_triage}
  b: {job: log_triage, <<: [*mine, *often], every: 1h}
"""
    result = load_yard(tmp_path, text)
    assert lines(result) == []
    a, b = result.declarations.schedules.values()
    assert (a.spec, a.priority, a.owner) == ("every 5m", 1, None)
    assert (b.spec, b.priority, b.owner) == ("every 1h", 2, "me")


def test_given_null_when_loaded_then_it_takes_the_default_away(tmp_path: Path) -> None:
    text = (
        "defaults: {timeout: 1h, retries: {max_attempts: 3}}\nschedules:\n"
        "  a: {job: log_triage, every: 1d, timeout: ~, retries: null}\n"
    )
    result = load_yard(tmp_path, text)
    assert lines(result) == []
    assert result.declarations.schedules["a"].timeout is None
    assert result.declarations.schedules["a"].retries is None


@pytest.mark.parametrize("word", ["yes", "on", "true", "True", "YES"])
def test_given_a_word_for_true_when_a_boolean_is_wanted_then_it_is_one(tmp_path: Path, word: str) -> None:
    text = f"schedules:\n  a: {{job: log_triage, every: 1d, enabled: {word}}}\n"
    assert load_yard(tmp_path, text).declarations.schedules["a"].enabled is True


def test_given_words_for_booleans_when_text_is_wanted_then_they_are_text(tmp_path: Path) -> None:
    text = "schedules:\n  no: {job: log_triage, every: 1d, tags: {country: no}, description: on}\n"
    schedule = load_yard(tmp_path, text).declarations.schedules["no"]
    assert (schedule.tags, schedule.description) == ({"country": "no"}, "on")


def test_given_a_job_when_loaded_then_arguments_keep_their_spelling(tmp_path: Path) -> None:
    text = """
jobs:
  j:
    command: [run, 60, 1.10, 0x1F, true, True, yes, 007, "{params.n}", 2026-01-01, 12:30]
    params: {n: {type: integer, default: 3, minimum: 1}}
    env: [HOME]
    artifacts: [out/*.csv]
    timeout: 5m
    grace: 0
    max_concurrent: 2
"""
    result = load_yard(tmp_path, text)
    assert lines(result) == []
    job = result.declarations.jobs["j"]
    assert job.command == (
        *("run", "60", "1.10", "0x1F", "true", "True", "yes", "007"),
        *("{params.n}", "2026-01-01", "12:30"),
    )
    assert job.params["n"].default == 3 and type(job.params["n"].default) is int
    assert (job.env, job.artifacts, job.max_concurrent) == (("HOME",), ("out/*.csv",), 2)
    assert (job.timeout, job.grace) == (dt.timedelta(minutes=5), dt.timedelta(0))


def test_given_steps_when_loaded_then_they_share_the_environment_of_the_job(tmp_path: Path) -> None:
    text = """
jobs:
  j:
    env: [A]
    cwd: /srv
    steps:
      c: {command: [z], needs: [a, b], env: [B], cwd: /tmp, queue: heavy}
      a: {command: [x]}
      b: {command: [y], needs: a, retries: {max_attempts: 2}}
"""
    result = load_yard(tmp_path, text)
    assert lines(result) == []
    steps = result.declarations.jobs["j"].steps
    assert steps is not None and list(steps) == ["c", "a", "b"]
    assert (steps["c"].needs, steps["c"].env, steps["c"].cwd) == (("a", "b"), ("A", "B"), "/tmp")
    assert (steps["b"].needs, steps["b"].env, steps["b"].cwd) == (("a",), ("A",), "/srv")
    assert steps["b"].retries == Retries(max_attempts=2)


def test_given_limits_in_both_forms_when_loaded_then_they_mean_the_same(tmp_path: Path) -> None:
    text = """
limits:
  - {key: team, limit: 2, value: {applyLimitPerUniqueValue: true}}
  - {key: team, value: red, limit: 1}
"""
    ours = "limits:\n  a: {key: team, per_value: true, limit: 2}\n  b: {key: team, value: red, limit: 1}\n"
    listed = load_yard(tmp_path / "1", text)
    named = load_yard(tmp_path / "2", ours)
    assert lines(listed) == lines(named) == []
    without = [
        [(each.key, each.value, each.per_value, each.limit) for each in found.declarations.limits]
        for found in (listed, named)
    ]
    assert without[0] == without[1] == [("team", None, True, 2), ("team", "red", False, 1)]


def test_given_agents_when_loaded_then_queues_hours_and_ageing_are_known(tmp_path: Path) -> None:
    text = """
task_queue:
  backend: tinytask
  url: http://127.0.0.1:3000
  blocking: on
  ageing: off
  queues: {dev: {blocking: off}, qa: {ageing: {every: 1h, limit: 3}}}
agents:
  v: {queue: dev, limit: 3, command: [a, "{task.id}"], working_hours: mon-fri 09:00-17:00, timezone: Asia/Tokyo}
  o: {queues: [qa, dev], command: [a], capabilities: gpu, enabled: off, retries: {max_attempts: 1}}
"""
    result = load_yard(tmp_path, text)
    assert lines(result) == []
    v, o = result.declarations.agents.values()
    assert (v.queues, v.limit, v.retries.max_attempts) == (("dev",), 3, 3)
    assert v.working_hours == (Window.parse("mon-fri 09:00-17:00", "Asia/Tokyo"),)
    assert (o.queues, o.capabilities, o.enabled) == (("qa", "dev"), ("gpu",), False)
    queue = result.declarations.task_queue
    assert (queue.backend, queue.url) == ("tinytask", "http://127.0.0.1:3000")
    assert (queue.for_queue("dev").blocking, queue.for_queue("dev").ageing) == (False, None)
    ageing = queue.for_queue("qa").ageing
    assert ageing is not None and (ageing.every, ageing.limit) == (dt.timedelta(hours=1), 3)
    assert queue.for_queue("other") == queue.default


def test_given_declarations_when_changed_then_refused(tmp_path: Path) -> None:
    from pydantic import ValidationError

    schedule = load_yard(tmp_path, "schedules:\n  a: {job: log_triage, every: 1d}\n").declarations.schedules[
        "a"
    ]
    with pytest.raises(ValidationError):
        schedule.job = "other"  # type: ignore[misc]


def test_given_a_date_alone_as_end_when_loaded_then_that_day_is_included_in_the_zone(tmp_path: Path) -> None:
    text = """
schedules:
  june: {job: log_triage, every: 6h, timezone: Asia/Tokyo, start: 2026-06-01, end: 2026-06-30}
"""
    june = load_yard(tmp_path, text).declarations.schedules["june"]
    due = list(occurrences(june.timing, NOW - dt.timedelta(days=9), june.policies))
    assert due[0].isoformat() == "2026-06-01T00:00:00+09:00"
    assert due[-1].isoformat() == "2026-06-30T18:00:00+09:00"


def test_given_an_expected_duration_when_loaded_then_schedule_and_job_keep_it(tmp_path: Path) -> None:
    text = """
jobs: {clean: {command: [echo], expected: 5m}}
schedules: {nightly: {job: clean, every: 1d, expected: 90s}}
"""
    found = load_yard(tmp_path, text).declarations
    assert found.jobs["clean"].expected == dt.timedelta(minutes=5)
    assert found.schedules["nightly"].expected == dt.timedelta(seconds=90)


@pytest.mark.case("newcomer-X-defaults")
def test_given_what_a_job_says_of_itself_then_it_comes_before_a_default_of_the_example_yard(
    tmp_path: Path,
) -> None:
    text = """
defaults: {retries: {max_attempts: 3, base: 60s}, timeout: 1h, owner: operations, priority: 3, tags: {team: ops}}
jobs:
  broken: {command: ["false"], retries: {max_attempts: 2, base: 5s}, timeout: 1m, priority: 1, owner: me}
  silent: {command: ["true"]}
schedules:
  a: {job: broken, every: 5m}
  b: {job: broken, every: 5m, retries: {max_attempts: 5}, owner: you}
  c: {job: silent, every: 5m}
"""
    result = load_yard(tmp_path, text)
    assert lines(result) == []
    a, b, c = result.declarations.schedules.values()
    assert (a.retries, a.timeout, a.priority, a.owner, a.tags) == (None, None, 0, None, {"team": "ops"})
    assert b.retries is not None and c.retries is not None
    assert (b.retries.max_attempts, b.retries.base, b.owner) == (5, dt.timedelta(seconds=60), "you")
    assert (c.retries.max_attempts, c.timeout, c.priority) == (3, dt.timedelta(hours=1), 3)
    launch = launching.for_occurrence(result.declarations, a, NOW)
    run_tags = {**job_tags(result.declarations.jobs["broken"]), **launch.tags}
    assert run_tags[tags.MAX_ATTEMPTS] == "2"
    assert run_tags[tags.MAX_RUNTIME] == "60"
    assert run_tags[tags.PRIORITY] == "1"
