"""What is declared: schedules, channels, and what of them has been decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scheduler_defs.forecasting.replay import replay
from scheduler_defs.ledger.proving import Trouble
from scheduler_defs.timing import next_occurrence
from scheduler_defs.upkeep.doctor.model import Check, Patient, named

DECIDED_WITHIN = dt.timedelta(hours=1)


def undecided(patient: Patient) -> Check:
    """The oldest occurrence of the last hour of which nothing is written down."""
    now = patient.now()
    found = replay(patient.engine, now - DECIDED_WITHIN, now, now).proof.problems
    late = sorted((each.due, each.schedule) for each in found if each.trouble is Trouble.UNEXPLAINED)
    if not late:
        return Check("undecided", True, "everything that was due in the last hour is decided")
    due, schedule = late[0]
    oldest = dt.datetime.fromtimestamp(due, dt.UTC).isoformat()
    detail = (
        f"{len(late)} of the last hour were due and are not accounted for, the oldest {schedule} at {oldest}"
    )
    return Check("undecided", False, detail, "`signalbox prove`; is the daemon healthy? `signalbox status`")


def of_declarations(patient: Patient) -> Iterator[Check]:
    """Each of them."""
    now = patient.now()
    ended = [
        schedule.name
        for schedule in patient.declarations.schedules.values()
        if schedule.enabled and next_occurrence(schedule.timing, now, schedule.policies) is None
    ]
    advice = "remove them, or give them an end that is still to come" if ended else ""
    yield Check("schedules", not ended, named("without an occurrence left", ended), advice)
    channels = patient.declarations.alerts.channels.values()
    unset = [f"{c.name} (${c.url_env})" for c in channels if c.url_env and not patient.environ.get(c.url_env)]
    advice = "set these variables where the stack is started" if unset else ""
    yield Check("channels", not unset, named("whose variable is not set here", unset), advice)
