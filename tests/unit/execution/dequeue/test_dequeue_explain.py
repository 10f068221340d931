"""What `signalbox limits` shows."""

from __future__ import annotations

from dataclasses import astuple

from scheduler_defs import tags
from scheduler_defs.execution.queue.capacity import LiveWorker
from scheduler_defs.execution.queue.choice.explain import limit_use
from scheduler_defs.execution.queue.choice.read import OutRun, QueueState
from scheduler_defs.execution.queue.choice.select import QueuedRun
from scheduler_defs.limits import TagLimit

JOB = TagLimit(tags.JOB, "big", False, 1, "config/jobs.yaml:3")
TEAM = TagLimit("team", None, True, 1, "config/limits.yaml:2")
ANY = TagLimit("team", None, False, 5, "config/limits.yaml:3")
WORKER = LiveWorker("w@host", frozenset({"runs"}), 2)


def queued(number: int, **run_tags: str) -> QueuedRun:
    return QueuedRun(f"q{number}", number, float(number), run_tags)


def test_given_use_and_waiting_runs_when_shown_then_each_limit_has_its_own() -> None:
    state = QueueState(
        queued=[queued(1, team="a"), queued(2, team="b"), queued(3, **{tags.JOB: "big", "team": "c"})],
        active=[OutRun("x", {"team": "a", tags.JOB: "big"}, "w@host", status="STARTED")],
        workers=[WORKER],
    )
    assert [astuple(row) for row in limit_use(state, [JOB, TEAM, ANY])] == [
        (tags.JOB, "big", 1, "config/jobs.yaml:3", 1, 1),
        ("team", "a", 1, "config/limits.yaml:2", 1, 1),
        ("team", "b", 1, "config/limits.yaml:2", 0, 0),
        ("team", "c", 1, "config/limits.yaml:2", 0, 0),
        ("team", None, 5, "config/limits.yaml:3", 1, 0),
        (tags.CELERY_QUEUE, "runs", 2, "slots of w@host", 1, 0),
    ]


def test_given_no_runs_when_shown_then_a_limit_per_value_has_one_row() -> None:
    rows = limit_use(QueueState([], [], []), [TEAM])
    assert [astuple(row) for row in rows] == [("team", "*", 1, "config/limits.yaml:2", 0, 0)]


def test_given_a_queue_that_nobody_serves_when_shown_then_it_has_no_slots_and_says_so() -> None:
    state = QueueState([queued(1, **{tags.CELERY_QUEUE: "gpu"})], [], [WORKER])
    assert [astuple(row) for row in limit_use(state, [])] == [
        (tags.CELERY_QUEUE, "gpu", 0, "no live worker serves it", 0, 1),
        (tags.CELERY_QUEUE, "runs", 2, "slots of w@host", 0, 0),
    ]
