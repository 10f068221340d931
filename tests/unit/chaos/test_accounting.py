"""The accounting of the chaos tests finds each kind of violation, and nothing in what is in order."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from scheduler_defs import tags
from tests.chaos.accounting import Kind, by_kind, violations
from tests.chaos.evidence import CatchUp, Due, Evidence, Life, SeenRun, SeenTask, SeenTick

MINUTES = [dt.datetime(2026, 11, 21, 8, minute, tzinfo=dt.UTC) for minute in range(6)]


def run(run_id: str, status: str = "SUCCESS", job: str = "short", **tag: str) -> SeenRun:
    names = {name: getattr(tags, name.upper()) for name in tag}
    return SeenRun(run_id, job, status, {names[name]: value for name, value in tag.items()})


def life(
    run_id: str, began: float, seen: float, code: int | None = 0, step: str = "", task: str = ""
) -> Life:
    return Life(run_id, step, task, pid=int(began * 10) + 100, began=began, seen=seen, code=code)


def occurrence(minute: int, schedule: str = "each", **tag: str) -> SeenRun:
    return run(f"{schedule}-{minute}", schedule=schedule, scheduled_for=MINUTES[minute].isoformat(), **tag)


GOOD = Evidence(
    runs=[
        run("plain"),
        # Its worker was lost, and the second attempt succeeded.
        run("lost", "FAILURE", failure="worker_lost", retry_at="2026-11-21T08:00:00+00:00"),
        run("again", attempt="2", root_run="lost"),
        run("hopeless", "FAILURE", job="hopeless", failure="exit_code", attempt="1"),
        run("diamond", job="diamond"),
        run("agent-1", "FAILURE", job="agent_task", task="1", attempt="1", failure="worker_lost"),
        run("agent-2", job="agent_task", task="1", attempt="2"),
        run("agent-3", job="agent_task", task="2", attempt="1"),
        *(occurrence(minute) for minute in range(6)),
        occurrence(0, "newest"),
        occurrence(4, "newest", missed="3 missed collapsed into the latest"),
        occurrence(5, "newest"),
        occurrence(0, "present"),
        occurrence(5, "present"),
    ],
    lives=[
        life("plain", 1, 2),
        life("lost", 1, 3, None),
        life("again", 8, 9),
        life("hopeless", 1, 2, 7),
        life("diamond", 1, 2, step="a"),
        life("diamond", 2, 3, step="b"),
        life("agent-1", 1, 2, None, task="1"),
        life("agent-2", 5, 6, task="1"),
        life("agent-3", 7, 8, task="2"),
        *(life(f"each-{minute}", minute, minute + 0.5) for minute in range(6)),
        *(life(f"newest-{minute}", minute, minute + 0.5) for minute in (0, 4, 5)),
        *(life(f"present-{minute}", minute, minute + 0.5) for minute in (0, 5)),
    ],
    ticks=[
        SeenTick("present", MINUTES[4], "SKIPPED", "4 missed not caught up with (catch_up: none)"),
        *(SeenTick("each", minute, "SUCCESS") for minute in MINUTES),
    ],
    due=[
        Due("each", CatchUp.ALL, MINUTES),
        Due("newest", CatchUp.LATEST, MINUTES),
        Due("present", CatchUp.NONE, MINUTES),
    ],
    tasks=[
        SeenTask("1", "complete", 2, 3),
        SeenTask("2", "complete", 1, 3, blocked_by=("1",), expected="complete"),
        SeenTask("3", "failed", 3, 3),
    ],
    steps={"diamond": ("a", "b")},
    fails={"hopeless"},
)


def changed(**what: Any) -> Evidence:
    """The good evidence with some fields replaced by a function of what they were."""
    return replace(GOOD, **{name: change(getattr(GOOD, name)) for name, change in what.items()})


def without(run_id: str) -> Evidence:
    return changed(
        runs=lambda runs: [each for each in runs if each.run_id != run_id],
        lives=lambda lives: [each for each in lives if each.run_id != run_id],
    )


def test_given_everything_in_order_then_nothing_is_found() -> None:
    assert violations(GOOD) == []


FAULTY = {
    "a run that goes on": (
        changed(runs=lambda runs: [*runs, run("x", "STARTED")]),
        "run x (short) has not ended: STARTED",
    ),
    "a run that waits": (
        changed(runs=lambda runs: [*runs, run("x", "QUEUED")]),
        "run x (short) has not ended: QUEUED",
    ),
    "a failure without a reason": (
        changed(runs=lambda runs: [*runs, run("x", "FAILURE", job="hopeless")]),
        "run x (hopeless) failed without a reason",
    ),
    "a retry that never came": (
        changed(
            runs=lambda runs: [*runs, run("x", "FAILURE", job="hopeless", failure="error", retry_at="then")]
        ),
        "run x (hopeless) was to be tried again at then",
    ),
    "a failure with attempts left": (
        changed(
            runs=lambda runs: [
                *runs,
                run("x", "FAILURE", job="hopeless", failure="error", attempt="1", max_attempts="3"),
            ]
        ),
        "run x (hopeless) was given up after attempt 1 of 3",
    ),
    "a failure for good of what can succeed": (
        changed(
            runs=lambda runs: [*runs, run("x", "FAILURE", failure="error", attempt="1", max_attempts="1")]
        ),
        "run x (short) can succeed, and failed for good: error",
    ),
    "a second run for the same attempt": (
        changed(
            runs=lambda runs: [
                *runs,
                run("x", "FAILURE", job="hopeless", attempt="1", root_run="hopeless", failure="error"),
            ]
        ),
        "run hopeless (hopeless): its attempts are numbered [1, 1]",
    ),
    "a success that was tried again": (
        changed(
            runs=lambda runs: [*runs, run("x", attempt="2", root_run="plain")],
            lives=lambda lives: [*lives, life("x", 5, 6)],
        ),
        "run plain (short) was followed by another attempt, and had ended SUCCESS",
    ),
    "a success without a command": (
        changed(runs=lambda runs: [*runs, run("x")]),
        "run x (short) succeeded, but its command  did not",
    ),
    "a success without one of its steps": (
        changed(lives=lambda lives: [each for each in lives if each.step != "b"]),
        "run diamond (diamond) succeeded, but its command b did not",
    ),
    "a complete task that nobody did": (
        changed(tasks=lambda tasks: [*tasks, SeenTask("9", "complete", 1, 3)]),
        "task 9 is complete, but no command for it has ended well",
    ),
    "two attempts at once": (
        changed(lives=lambda lives: [*lives, life("again", 2.5, 4)]),
        "run lost : process 125 began 0.5 s before process 110 had ended",
    ),
    "two copies of a step": (
        changed(lives=lambda lives: [*lives, life("diamond", 2.75, 4, step="b")]),
        "run diamond b: process 127 began 0.2 s before process 120 had ended",
    ),
    "two agents on one task": (
        changed(lives=lambda lives: [*lives, life("agent-2", 1.5, 1.9, None, task="1")]),
        "task 1 : process 115 began 0.5 s before process 110 had ended",
    ),
    "a task that is still worked on": (
        changed(tasks=lambda tasks: [*tasks, SeenTask("9", "working", 1, 3)]),
        "task 9 is not settled: working after 1 attempts",
    ),
    "a task given up that could be done": (
        changed(tasks=lambda tasks: [*tasks, SeenTask("9", "failed", 3, 3, expected="complete")]),
        "task 9 is failed, should be complete",
    ),
    "a task given up without a word": (
        changed(tasks=lambda tasks: [*tasks, SeenTask("9", "failed", 3, 3, comments=0)]),
        "task 9 failed without a word",
    ),
    "a task tried too often": (
        changed(tasks=lambda tasks: [*tasks, SeenTask("9", "failed", 4, 3)]),
        "task 9 had 4 attempts, 3 are allowed",
    ),
    "a task before its blocker": (
        changed(lives=lambda lives: [*lives, life("agent-3", 5.5, 5.6, task="2")]),
        "task 2 began before its blocker 1 had ended",
    ),
    "an occurrence with two runs": (
        changed(
            runs=lambda runs: [*runs, replace(occurrence(3), run_id="x")],
            lives=lambda lives: [*lives, life("x", 9, 10)],
        ),
        "schedule each: 2 runs for 2026-11-21T08:03+00:00",
    ),
    "an occurrence that was not caught up with": (
        without("each-3"),
        "schedule each: no run for 2026-11-21T08:03+00:00, though it catches up with all",
    ),
    "a latest occurrence that did not run": (
        without("newest-5"),
        "schedule newest: no run for 2026-11-21T08:05+00:00, and nobody says why",
    ),
    "a report that speaks of fewer": (
        changed(runs=lambda runs: [each for each in runs if each.run_id != "newest-0"]),
        "schedule newest: no run for 2026-11-21T08:00+00:00, and nobody says why",
    ),
    "a lease": (replace(GOOD, leases=["x"]), "left over: lease x"),
    "a slot": (replace(GOOD, slots=["x"]), "left over: slot taken by x"),
    "an agent's slot": (replace(GOOD, assignments=["x"]), "left over: agent's slot taken by x"),
    "a process": (replace(GOOD, processes=["7 sleep"]), "left over: process 7 sleep"),
    "an occurrence that the program cannot account for": (
        replace(GOOD, unproven=["schedule s: 10:00 is unexplained"]),
        "schedule s: 10:00 is unexplained",
    ),
    "an occurrence with two runs, somewhere in the past": (
        replace(GOOD, twice=["schedule s: 2 runs for 10:00"]),
        "schedule s: 2 runs for 10:00",
    ),
    "an occurrence that is older than what is surely caught up with, and of which nobody speaks": (
        replace(
            without("each-0"), due=[Due("each", CatchUp.ALL, MINUTES, dt.timedelta(minutes=2)), *GOOD.due[1:]]
        ),
        "schedule each: no run for 2026-11-21T08:00+00:00, and nobody says why",
    ),
}


@pytest.mark.parametrize("what", FAULTY)
def test_given_a_violation_then_exactly_it_is_found(what: str) -> None:
    found, expected = FAULTY[what]
    assert violations(found) == [expected]


def test_given_a_process_that_was_killed_when_its_successor_begins_later_then_that_is_in_order() -> None:
    later = changed(lives=lambda lives: [*lives, life("again", 3.1, 3.2, None)])
    assert violations(later) == []


def test_given_a_violation_then_it_counts_as_what_it_means() -> None:
    for what, kind in (
        ("an occurrence with two runs, somewhere in the past", Kind.DOUBLED),
        ("a lease", Kind.STUCK),
        ("an occurrence that the program cannot account for", Kind.LOST),
    ):
        found = by_kind(FAULTY[what][0])
        assert {each: len(lines) for each, lines in found.items() if lines} == {kind: 1}
