"""Explanations from facts: every state has a cause, and nothing is unknown."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from scheduler_defs.explaining.runs import Lease, Waits, explain_run
from scheduler_defs.explaining.schedules import explain_schedule
from scheduler_defs.explaining.tasks import explain_queue, explain_task
from scheduler_defs.ledger.entries import Entry, Known, Outcome
from scheduler_defs.ledger.reasons import Overlap

DUE = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
STATES = (
    "NOT_STARTED",
    "QUEUED",
    "STARTING",
    "STARTED",
    "CANCELING",
    "SUCCESS",
    "FAILURE",
    "CANCELED",
    "MANAGED",
)


def run(status: str, **known: Any) -> dict[str, Any]:
    names = "run_id job schedule agent queue task trigger scheduled_for root_run retry_at reason created"
    names += " started ended worker failure error actor"
    return {
        **dict.fromkeys(names.split()),
        "run_id": "a1b2c3d4-0000",
        "trigger": "schedule",
        "schedule": "nightly",
        "attempt": 1,
        "max_attempts": 3,
        "status": status,
        **known,
    }


@pytest.mark.parametrize("status", STATES)
def test_given_any_state_then_it_has_a_cause_and_says_who_asked(status: str) -> None:
    found = explain_run(run(status), None, None)
    assert found.because[-1].code == "asked_by_schedule"
    assert len(found.because) == 2
    assert all("unknown" not in link.text for link in found.because)


@pytest.mark.parametrize(
    ("waits", "said"),
    [
        (
            Waits("limit", "runs", ("team=web 1 (config/limits.yaml:3)",), ("ffff0000-1",)),
            "used up by ffff0000",
        ),
        (Waits("no_worker", "gpu"), "no live worker serves the queue gpu"),
        (Waits("no_slot", "runs", held_by=("ffff0000-1",)), "are taken by ffff0000"),
        (Waits("pool", "runs"), "pool"),
    ],
)
def test_given_a_queued_run_then_what_it_waits_for_and_who_holds_that_is_said(
    waits: Waits, said: str
) -> None:
    found = explain_run(run("QUEUED"), waits, None)
    assert said in found.because[0].text
    assert found.next is not None
    assert "signalbox limits" in found.commands


def test_given_a_failed_run_with_attempts_left_then_the_next_one_is_said_and_how_to_call_it_off() -> None:
    found = explain_run(
        run(
            "FAILURE",
            failure="exit_code",
            error="exit code 3: disk full",
            retry_at="2026-03-01T08:05:00+00:00",
        ),
        None,
        None,
    )
    assert (found.because[0].code, found.next and found.next.what) == ("exit_code", "attempt 2 of 3")
    assert "disk full" in found.because[0].text
    assert found.commands[0].startswith("signalbox runs cancel a1b2c3d4")


def test_given_a_worker_that_is_silent_then_its_last_beat_is_the_evidence() -> None:
    lease = Lease("w1@host", "host", "2026-03-01T08:00:00+00:00", "2026-03-01T08:00:20+00:00", expired=True)
    (first, _) = explain_run(run("STARTED"), None, lease).because
    assert first.code == "worker_silent"
    assert "2026-03-01T08:00:00" in first.text


def schedule(**known: Any) -> dict[str, Any]:
    return {
        "name": "nightly",
        "job": "review",
        "spec": "cron 0 8 * * *",
        "timezone": "UTC",
        "enabled": True,
        "state": "on",
        "paused_reason": None,
        "paused_until": None,
        "next": "2026-03-02T08:00:00+00:00",
        **known,
    }


def test_given_a_skipped_occurrence_then_the_reason_is_a_code_and_a_text() -> None:
    reason = Overlap("ffff0000-1", None, "running", "skip")
    known = Known(Entry(DUE, Outcome.SKIPPED, reason), DUE, created=False, run_status=None)
    found = explain_schedule(schedule(), known, "run ffff0000 is still running (overlap: skip)", at=DUE)
    assert (found.state, found.because[0].code) == ("skipped", "overlap")
    assert "is still running" in found.because[0].text


def test_given_a_time_that_is_no_occurrence_then_that_is_the_cause() -> None:
    found = explain_schedule(schedule(), None, "", at=DUE, not_due="it is no occurrence")
    assert found.because[0].code == "not_due"


@pytest.mark.parametrize(("state", "command"), [("paused", "resume"), ("off", "enable")])
def test_given_a_schedule_that_rests_then_the_first_command_wakes_it(state: str, command: str) -> None:
    found = explain_schedule(schedule(state=state, next=None), None, "")
    assert found.commands[0] == f"signalbox schedules {command} nightly"
    assert state in [link.code for link in found.because]


def task(key: int, status: str = "idle", **known: Any) -> dict[str, Any]:
    return {
        "id": key,
        "title": f"t{key}",
        "status": status,
        "queue": "dev",
        "assigned_to": None,
        "attempts": 0,
        "run_id": None,
        "updated": DUE,
        **known,
    }


def test_given_a_blocked_task_then_the_chain_is_told_to_its_root() -> None:
    found = explain_task(task(1), None, [task(2), task(3, "failed")], [])
    assert [link.code for link in found.because] == ["blocked", "blocked"]
    assert found.commands[0] == "signalbox why task:3"


def test_given_a_failed_task_then_its_last_comment_says_why() -> None:
    found = explain_task(task(1, "failed", attempts=3), None, [], ["exit code 1: tests fail"])
    assert found.because[0].text == "exit code 1: tests fail"
    assert "signalbox tasks requeue 1" in found.commands


def test_given_a_queue_whose_agent_is_paused_then_that_is_said_with_the_way_out() -> None:
    agent = {"name": "vaela", "state": "paused by ada", "active": 0, "limit": 2}
    found = explain_queue("dev", [agent], 3, ["no free slot: vaela paused by ada"] * 3, [])
    assert found.state == "waiting"
    assert [link.code for link in found.because] == ["agent", "waits"]
    assert found.commands[0] == "signalbox agents resume vaela"
