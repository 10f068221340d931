"""The sensor that tells people what goes wrong.

Each tick looks at what is new in the tables of runs, ticks and tasks, decides which alerts follow, writes
them down with the position that it has read to, and sends what is due. Without a channel there is no sensor.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from resources import ClockResource, DatabaseResource, NotifierResource
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.names import sensor_name
from scheduler_defs.execution.dagster_patches.instigators import cursors, is_dry_run, share_instance
from scheduler_defs.settings import settings

if TYPE_CHECKING:
    import sqlalchemy as sa

NAME = "alerts"
INTERVAL_SECONDS = 15


def alerts_sensors(declarations: Declarations) -> list[dg.SensorDefinition]:
    """The sensor, if a channel or a heartbeat is declared."""
    beating = [each.name for each in declarations.schedules.values() if each.heartbeat_env is not None]
    told = [*declarations.alerts.channels, *(f"the heartbeat of {name}" for name in beating)]
    return [_sensor(declarations, told)] if told else []


def _sensor(declarations: Declarations, told: list[str]) -> dg.SensorDefinition:
    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Sends alerts to {', '.join(told)}.",
    )
    def send_alerts(
        context: dg.SensorEvaluationContext,
        database: DatabaseResource,
        notifier: NotifierResource,
        clock: ClockResource,
    ) -> dg.SkipReason:
        share_instance(context)
        return dg.SkipReason(tick(declarations, context, clock.now(), database.engine(), notifier))

    return send_alerts


def tick(
    declarations: Declarations,
    context: dg.SensorEvaluationContext,
    now: dt.datetime,
    engine: sa.Engine,
    notifier: NotifierResource,
) -> str:
    """One tick, and what it says: what was decided and sent, and which channels fail."""
    # Here, because the code location is loaded more often than alerts are sent.
    from scheduler_defs.alerting.delivery import heartbeats
    from scheduler_defs.alerting.delivery.sending import send_due
    from scheduler_defs.alerting.events.facts import Names
    from scheduler_defs.alerting.looking import look
    from scheduler_defs.alerting.rules.watches import watches_of

    place = settings()
    dry_run = is_dry_run(context)
    queues = {sensor_name(queue): queue for queue in declarations.served_queues}
    looked = look(
        engine,
        declarations,
        watches_of(declarations),
        Names.of(declarations, queues),
        lambda: rings(context.instance, queues),
        now,
        place.public_url,
        state=place.state,
        proof=lambda: unproven(engine, now),
        dry_run=dry_run,
    )
    if dry_run:
        return "; ".join([f"would decide {len(looked.alerts)} and send them", *looked.alerts, *looked.faults])
    for line in looked.alerts:
        context.log.warning("%s", line)
    for fault in looked.faults:
        context.log.error("a rule went wrong: %s", fault)
    channels = {**declarations.alerts.channels, **heartbeats.channels(declarations)}
    sent = send_due(engine, channels, notifier.place(), now, deliver=notifier.deliver)
    for fault in sent.faults:
        context.log.error("not delivered: %s", fault)
    parts = [f"{len(looked.alerts)} decided", f"{sent.delivered} sent"]
    parts += [f"{sent.put_off} put off"] if sent.put_off else []
    parts += [f"{sent.given_up} given up"] if sent.given_up else []
    return "; ".join([*parts, *looked.faults, *sent.faults])


def unproven(engine: sa.Engine, now: dt.datetime) -> dict[str, int]:
    """Of each schedule how many occurrences of the last day cannot be accounted for."""
    from scheduler_defs.forecasting.replay import replay

    problems = replay(engine, now - dt.timedelta(days=1), now, now).proof.problems
    return dict(Counter(each.schedule for each in problems))


def rings(instance: dg.DagsterInstance, queues: Mapping[str, str]) -> dict[str, str]:
    """The rings of tasks that wait for each other, as the queues' last passes saw them, and their queue."""
    from scheduler_defs.agents.tick.memory import Memory

    found: dict[str, str] = {}
    for sensor, cursor in cursors(instance).items():
        queue = queues.get(sensor)
        if queue is None:
            continue
        for ring in Memory.read(cursor).cycles:
            found[f"queue {queue}, tasks {' -> '.join(map(str, ring))}"] = queue
    return found
