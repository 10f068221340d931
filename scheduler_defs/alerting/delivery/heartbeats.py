"""Heartbeats: the starts and ends of a schedule's runs, told to a URL that alarms when they stay away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.alerting.events.facts import is_final, one_line
from scheduler_defs.alerting.events.position import MARGIN, ROWS, Position, new_rows
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.execution.lookups import alert_facts

if TYPE_CHECKING:
    from scheduler_defs.execution.lookups.alert_facts import Beat

RULE = "heartbeat"
_ENDED = {"SUCCESS": "success", "FAILURE": "fail"}


def channel_name(schedule: str) -> str:
    """Of the channel that a schedule's `heartbeat_env` stands for. No other has it: names hold no spaces."""
    return f"heartbeat of {schedule}"


def channels(declarations: Declarations) -> dict[str, Channel]:
    """The channels that the schedules' heartbeats stand for."""
    return {
        (name := channel_name(schedule.name)): Channel(
            name=name, source=schedule.source, type="heartbeat", url_env=schedule.heartbeat_env
        )
        for schedule in declarations.schedules.values()
        if schedule.heartbeat_env is not None
    }


def new(
    connection: sa.Connection, declarations: Declarations, position: Position, now: dt.datetime
) -> tuple[list[tuple[str, str, Mapping[str, Any], dt.datetime | None]], Position]:
    """What is to be told, in order, and the position afterwards."""
    beating = [each.name for each in declarations.schedules.values() if each.heartbeat_env is not None]
    if not beating:
        return [], replace(position, beats=now, beaten={})
    beats, until = new_rows(
        lambda since: alert_facts.beats(connection, beating, since, most=ROWS),
        lambda beat: beat.updated,
        position.beats or position.runs,
        position.began,
        now,
    )
    beaten = dict(position.beaten)
    told: list[tuple[str, str, Mapping[str, Any], dt.datetime | None]] = []
    for beat in beats:
        signal = signal_of(beat)
        key = f"{signal} {beat.run_id}"
        if signal is None:
            continue
        if key not in beaten:
            told.append((channel_name(beat.tags[tags.SCHEDULE]), RULE, document(beat, signal), None))
        # Also of what is known: it is remembered for as long as it is read again.
        beaten[key] = beat.updated
    kept = {key: at for key, at in beaten.items() if at > until - 2 * MARGIN}
    return told, replace(position, beats=until, beaten=kept)


def signal_of(beat: Beat) -> str | None:
    """start, success or fail; None for what is no news: a failure that is tried again, a cancelled run."""
    if beat.status == "STARTED":
        return "start"
    if beat.status == "FAILURE" and not is_final(beat.tags):
        return None
    return _ENDED.get(beat.status)


def document(beat: Beat, signal: str) -> dict[str, Any]:
    """What the channel is given."""
    schedule = beat.tags[tags.SCHEDULE]
    return {
        "text": f"schedule {schedule}: {signal}",
        "state": signal,
        "rule": RULE,
        "on": RULE,
        "subject": f"schedule {schedule}",
        "detail": one_line(beat.tags.get(tags.ERROR, "")) if signal == "fail" else "",
        "schedule": schedule,
        "run_id": beat.run_id,
        "root_run": beat.tags.get(tags.ROOT_RUN, beat.run_id),
    }
