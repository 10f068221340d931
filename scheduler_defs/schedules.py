"""Declared schedules as Dagster schedules, each with its own switch, tick history and next tick."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.addresses import PAGE, schedule_page
from scheduler_defs.declarations.models.declared import Declarations, Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.evaluation.cadence import cron_of, ticks_of
from scheduler_defs.evaluation.facts import service_start  # noqa: F401 - rules count from when this is loaded
from scheduler_defs.evaluation.facts.sharing import SharedReading
from scheduler_defs.execution.dagster_patches.instigators import is_dry_run, share_instance, switched_on
from scheduler_defs.jobs.elsewhere_name import OF_ANOTHER_LOCATION

if TYPE_CHECKING:
    from scheduler_defs.evaluation.tick import Evaluator

Evaluation = Callable[[dg.ScheduleEvaluationContext], Iterator[dg.RunRequest | dg.SkipReason]]

# All that are due for the first time ask for it, and what is read grows with the number of schedules.
_switched_on = SharedReading(switched_on)
_first_tick = threading.Lock()


def _evaluator() -> Evaluator:
    """One per code server: all its ticks decide over the same reading and the same grants."""
    with _first_tick:
        return _live_evaluator()


@cache
def _live_evaluator() -> Evaluator:
    # Here, because the code location is loaded by many that never tick.
    from scheduler_defs.evaluation.live import live_evaluator

    return live_evaluator()


def build_schedule(declarations: Declarations, schedule: Schedule) -> dg.ScheduleDefinition:
    """A schedule that fires at every minute in which `schedule` could be due, and decides then.

    The cron may fire more often than the rule is due; the tick then says why nothing was launched. The
    metadata say from when and until when there are ticks at all, and in which steps.
    """
    return dg.ScheduleDefinition(
        name=dagster_name(schedule.name),
        job_name=OF_ANOTHER_LOCATION if schedule.elsewhere else dagster_name(schedule.job),
        cron_schedule=cron_of(schedule),
        execution_timezone=schedule.timezone,
        execution_fn=_evaluation(declarations, schedule),
        default_status=dg.DefaultScheduleStatus.RUNNING
        if schedule.enabled
        else dg.DefaultScheduleStatus.STOPPED,
        description=schedule.description or f"{schedule.job}: {schedule.spec}",
        metadata={
            tags.DECLARED: schedule.name,
            PAGE: dg.MetadataValue.url(schedule_page(schedule.name)),
            "rule": schedule.spec,
            "source": f"{schedule.source.file}:{schedule.source.line}",
            **({"owner": schedule.owner} if schedule.owner else {}),
            **ticks_of(schedule),
        },
    )


def _evaluation(declarations: Declarations, schedule: Schedule) -> Evaluation:
    def evaluation(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        share_instance(context)
        tick = context.scheduled_execution_time.astimezone(dt.UTC)
        dry_run = is_dry_run(context)
        outcome = _evaluator().evaluate(
            declarations,
            schedule,
            tick,
            dt.datetime.now(dt.UTC),
            lambda: _switched_on(context.instance),
            dry_run=dry_run,
        )
        if outcome.failed:
            # Dagster shows its own errors as they are, and hides others behind one that names the schedule.
            raise dg.DagsterError(outcome.reason)
        if not dry_run:
            for run_id in outcome.cancel:
                context.instance.run_coordinator.cancel_run(run_id)
        if not outcome.launches:
            yield dg.SkipReason(outcome.reason)
            return
        if outcome.reason:
            context.log.info(outcome.reason)
        for launch in outcome.launches:
            ordered = {tags.ORDERED_RUN: launch.run_id} if launch.run_id is not None else {}
            yield dg.RunRequest(
                run_key=launch.run_key, run_config=dict(launch.run_config), tags={**launch.tags, **ordered}
            )

    return evaluation
