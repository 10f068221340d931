"""A code location as somebody may have it: declared jobs, and Python of their own."""

import dagster as dg

from scheduler_defs import definitions
from scheduler_defs.declarations import current
from scheduler_defs.settings import settings

PARTS = dg.StaticPartitionsDefinition(["a", "b"])


@dg.op
def nothing() -> None:
    pass


@dg.job(
    run_tags={"signalbox/max_attempts": "3", "dagster/priority": "7", "dagster-celery/queue": "gpu"},
    partitions_def=PARTS,
    executor_def=dg.in_process_executor,
)
def own() -> None:
    nothing()


@dg.job(tags={"team": "tags-alone"}, executor_def=dg.in_process_executor)
def plain() -> None:
    nothing()


@dg.asset
def thing() -> None:
    pass


@dg.sensor(jobs=[own, plain])
def watcher(_context: dg.SensorEvaluationContext) -> dg.SkipReason:
    return dg.SkipReason("")


@dg.schedule(job=own, cron_schedule="* * * * *")
def hourly(_context: dg.ScheduleEvaluationContext) -> dg.SkipReason:
    return dg.SkipReason("")


_where = settings()
defs = dg.Definitions.merge(
    definitions.build(current(_where.config, _where.state).declarations),
    dg.Definitions(jobs=[own, plain], assets=[thing], sensors=[watcher], schedules=[hourly]),
)
