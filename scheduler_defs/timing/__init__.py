"""WHEN: schedules as pure functions of (spec, instant). No Dagster, no I/O, no clock."""

from scheduler_defs.timing.covering.crons import covering_cron
from scheduler_defs.timing.cron.expression import parse_cron
from scheduler_defs.timing.decision import TickDecision, decide
from scheduler_defs.timing.durations import Unit, format_duration, parse_duration, parse_every
from scheduler_defs.timing.exclusions import (
    ExcludedCron,
    ExcludedDates,
    ExcludedHolidays,
    Exclusion,
    parse_exclusion,
)
from scheduler_defs.timing.instants import parse_date, parse_instant, read_instant, zone
from scheduler_defs.timing.occurrences import (
    is_due,
    is_exhausted,
    is_never_due,
    next_occurrence,
    occurrences,
    previous_occurrence,
)
from scheduler_defs.timing.policies import CatchUp, Policies, jitter_delay
from scheduler_defs.timing.specs import AtSpec, CronSpec, EverySpec, RRuleSpec, Spec, kind
from scheduler_defs.timing.text import text
from scheduler_defs.timing.windows import Window, any_open

__all__ = [
    "AtSpec",
    "CatchUp",
    "CronSpec",
    "EverySpec",
    "ExcludedCron",
    "ExcludedDates",
    "ExcludedHolidays",
    "Exclusion",
    "Policies",
    "RRuleSpec",
    "Spec",
    "TickDecision",
    "Unit",
    "Window",
    "any_open",
    "covering_cron",
    "decide",
    "format_duration",
    "is_due",
    "is_exhausted",
    "is_never_due",
    "jitter_delay",
    "kind",
    "next_occurrence",
    "occurrences",
    "parse_cron",
    "parse_date",
    "parse_duration",
    "parse_every",
    "parse_exclusion",
    "parse_instant",
    "previous_occurrence",
    "read_instant",
    "text",
    "zone",
]
