"""The sensor that tells people what goes wrong.

Each tick looks at what is new in the tables of runs, ticks and tasks, decides which alerts follow, writes
them down with the position that it has read to, and sends what is due. Without a channel there is no sensor.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping

import dagster as dg

from scheduler_defs.declarations.models import Declarations
from scheduler_defs.execution.instigators import cursors, share_instance
from scheduler_defs.settings import settings
from sensors.agent_queues import sensor_name

NAME = "alerts"
INTERVAL_SECONDS = 15


def alerts_sensors(declarations: Declarations) -> list[dg.SensorDefinition]:
    """The sensor, if a channel is declared."""
    return [_sensor(declarations)] if declarations.alerts.channels else []


def _sensor(declarations: Declarations) -> dg.SensorDefinition:
    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Sends alerts to {', '.join(declarations.alerts.channels)}.",
    )
    def send_alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        share_instance(context)
        return dg.SkipReason(tick(declarations, context, dt.datetime.now(dt.UTC)))

    return send_alerts


def tick(declarations: Declarations, context: dg.SensorEvaluationContext, now: dt.datetime) -> str:
    """One tick, and what it says: what was decided and sent, and which channels fail."""
    # Here, because the code location is loaded more often than alerts are sent.
    from scheduler_defs import database
    from scheduler_defs.alerting.channels import Place
    from scheduler_defs.alerting.facts import Names
    from scheduler_defs.alerting.looking import look
    from scheduler_defs.alerting.sending import send_due
    from scheduler_defs.alerting.watches import watches_of

    place = settings()
    queues = {sensor_name(queue): queue for queue in declarations.served_queues}
    looked = look(
        database.engine(),
        declarations,
        watches_of(declarations),
        Names.of(declarations, queues),
        lambda: rings(context.instance, queues),
        now,
        place.ui_url,
    )
    for line in looked.alerts:
        context.log.warning("%s", line)
    for fault in looked.faults:
        context.log.error("a rule went wrong: %s", fault)
    sent = send_due(
        database.engine(),
        declarations.alerts.channels,
        Place(place.logs, place.config.parent, os.environ),
        now,
    )
    for fault in sent.faults:
        context.log.error("not delivered: %s", fault)
    parts = [f"{len(looked.alerts)} decided", f"{sent.delivered} sent"]
    parts += [f"{sent.put_off} put off"] if sent.put_off else []
    parts += [f"{sent.given_up} given up"] if sent.given_up else []
    return "; ".join([*parts, *looked.faults, *sent.faults])


def rings(instance: dg.DagsterInstance, queues: Mapping[str, str]) -> dict[str, str]:
    """The rings of tasks that wait for each other, as the queues' last passes saw them, and their queue."""
    from sensors.agent_queue_tick import Memory

    found: dict[str, str] = {}
    for sensor, cursor in cursors(instance).items():
        queue = queues.get(sensor)
        if queue is None:
            continue
        for ring in Memory.read(cursor).cycles:
            found[f"queue {queue}, tasks {' -> '.join(map(str, ring))}"] = queue
    return found
