"""A forecast of the yard as it is now: what is asked for, what is known, and how it is expected to go."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from scheduler_defs.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from scheduler_defs.declarations.models.declared import Declarations
    from scheduler_defs.forecasting.document import Course
    from scheduler_defs.forecasting.history import Medians
    from scheduler_defs.forecasting.planning import Known
    from scheduler_defs.graphql.client import GraphQLClient

LONGEST = dt.timedelta(days=366)
_STEPS_SECONDS = (60, 300, 900, 1800, 3600, 10_800, 21_600, 86_400)
_MOST_STEPS = 700


def course(
    declarations: Declarations,
    begin: dt.datetime,
    end: dt.datetime,
    *,
    known: Known,
    place: dt.tzinfo | None,
    assumed: dt.timedelta,
    slots: int | None = None,
) -> Course:
    """What runs between the instants. `assumed`: how long runs take of which nothing is known.

    `slots`: runs that the workers do at once; None: as many as are known, or any number. `place`: the zone
    of the times shown; None: this machine's.
    """
    from scheduler_defs.forecasting.document import Course
    from scheduler_defs.forecasting.planning import plan
    from scheduler_defs.forecasting.simulation.simulate import forecast as play

    planned = plan(declarations, begin, known=known, assumed=assumed, slots=slots or known.slots)
    return Course(planned, play(planned.planned, planned.limits, begin, end, step(begin, end)), place)


def known_of(engine: sa.Engine, declarations: Declarations, medians: Medians | None = None) -> Known:
    """Durations, pauses, runs ordered early and slots, as the database has them. Raises SQLAlchemyError.

    `medians`: the durations, from whoever has just read them.
    """
    from scheduler_defs.evaluation.early_runs import all_early_runs
    from scheduler_defs.evaluation.facts.pauses import read_pauses
    from scheduler_defs.execution.queue.choice.read import live_run_slots
    from scheduler_defs.forecasting.history import median_durations
    from scheduler_defs.forecasting.planning import Known

    anticipated = all_early_runs(engine, list(declarations.schedules))
    return Known(
        medians or median_durations(engine), read_pauses(engine), {}, anticipated, live_run_slots(engine)
    )


def switches_of(client: GraphQLClient, declarations: Declarations) -> dict[str, bool]:
    """Which schedules are on. Raises SignalboxError."""
    from scheduler_defs.declarations.names import dagster_name

    names = {dagster_name(name): name for name in declarations.schedules}
    return {names[name]: is_on for name, is_on in client.switches(names).items()}


def window(
    from_: str | None, to: str, place: dt.tzinfo | None, now: dt.datetime
) -> tuple[dt.datetime, dt.datetime]:
    """The instants from and to which to look. `place` None: this machine's zone. Raises UsageError."""
    begin = now.replace(second=0, microsecond=0) if from_ is None else instant("--from", from_, place)
    try:
        end = begin + duration("--to", to)
    except UsageError:
        end = instant("--to", to, place)
    if end <= begin:
        raise UsageError(f"--to {to!r} ({end.isoformat()}) is not after --from ({begin.isoformat()})")
    if end - begin > LONGEST:
        raise UsageError(f"--to {to!r} is {(end - begin).days} days after --from; at most {LONGEST.days}")
    return begin, end


def instant(option: str, text: str, place: dt.tzinfo | None) -> dt.datetime:
    """An option that is an instant; without an offset in the zone. Raises UsageError."""
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is neither an ISO 8601 instant such as 2026-12-31T23:00"
            + (" nor a duration such as 7d" if option == "--to" else "")
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=place) if place is not None else moment.astimezone()
    return moment.astimezone(dt.UTC)


def duration(option: str, text: str) -> dt.timedelta:
    """An option that is a length of time. Raises UsageError."""
    from scheduler_defs.timing import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def zone_of(option: str, name: str | None) -> dt.tzinfo | None:
    """An option that is a zone; None when it is not given. Raises UsageError."""
    from scheduler_defs.timing import zone

    try:
        return zone(name) if name is not None else None
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def step(begin: dt.datetime, end: dt.datetime) -> dt.timedelta:
    """How finely the course of concurrency is shown."""
    total = (end - begin).total_seconds()
    seconds = next((step for step in _STEPS_SECONDS if total / step <= _MOST_STEPS), _STEPS_SECONDS[-1])
    return dt.timedelta(seconds=seconds)
