from typing import Any

import pytest

from scheduler_defs.declarations.models.declared import Overlap, Position, Schedule
from scheduler_defs.evaluation.facts.known_runs import KnownRun, Stage
from scheduler_defs.evaluation.rules import Do, decide


def schedule(**policies: Any) -> Schedule:
    return Schedule(
        name="nightly",
        job="report",
        timing=None,
        kind="cron",
        spec="0 2 * * *",
        timezone="UTC",
        source=Position(file="config/schedules.yaml", line=1, column=1),
        policies=None,
        **policies,
    )


def run(stage: Stage, *, run_id: str = "r1", name: str | None = "nightly", job: str = "report") -> KnownRun:
    return KnownRun(run_id, job, name, "2026-01-01T02:00:00+00:00", stage)


@pytest.mark.parametrize(
    ("overlap", "stages", "expected"),
    [
        (Overlap.ALLOW, [Stage.RUNNING, Stage.WAITING], Do.RUN),
        (Overlap.SKIP, [], Do.RUN),
        (Overlap.SKIP, [Stage.RUNNING], Do.SKIP),
        (Overlap.SKIP, [Stage.WAITING], Do.SKIP),
        (Overlap.QUEUE, [Stage.RUNNING], Do.RUN),
        (Overlap.QUEUE, [Stage.RUNNING, Stage.WAITING], Do.SKIP),
        (Overlap.CANCEL_RUNNING, [Stage.RUNNING], Do.RUN),
    ],
)
def test_overlap_decides_by_the_schedules_own_unended_runs(
    overlap: Overlap, stages: list[Stage], expected: Do
) -> None:
    active = [run(stage, run_id=f"r{i}") for i, stage in enumerate(stages)]
    assert decide(schedule(overlap=overlap), active).do is expected


def test_runs_of_other_schedules_do_not_overlap() -> None:
    assert decide(schedule(), [run(Stage.RUNNING, name="other")]).do is Do.RUN


def test_cancel_running_names_the_runs_to_cancel() -> None:
    verdict = decide(
        schedule(overlap=Overlap.CANCEL_RUNNING), [run(Stage.RUNNING), run(Stage.WAITING, run_id="r2")]
    )
    assert verdict.cancel == ("r1", "r2")


def test_runs_about_to_be_cancelled_do_not_fill_a_limit() -> None:
    verdict = decide(schedule(overlap=Overlap.CANCEL_RUNNING, max_global=1), [run(Stage.RUNNING)])
    assert verdict.do is Do.RUN


@pytest.mark.parametrize(
    ("policies", "others", "expected"),
    [
        ({"max_global": None}, 5, Do.RUN),
        ({"max_global": 0}, 0, Do.SKIP),
        ({"max_global": 2}, 1, Do.RUN),
        ({"max_global": 2}, 2, Do.DEFER),
        ({"max_per_job": 0}, 0, Do.SKIP),
        ({"max_per_job": 1}, 1, Do.DEFER),
        ({"max_per_job": 2, "max_global": 2}, 1, Do.RUN),
    ],
)
def test_limits_count_queued_and_running_runs(policies: dict[str, int], others: int, expected: Do) -> None:
    active = [run(Stage.WAITING, run_id=f"o{i}", name=f"other{i}") for i in range(others)]
    assert decide(schedule(**policies), active).do is expected


def test_max_per_job_ignores_runs_of_other_jobs() -> None:
    active = [run(Stage.RUNNING, name="other", job="cleanup")]
    assert decide(schedule(max_per_job=1), active).do is Do.RUN
