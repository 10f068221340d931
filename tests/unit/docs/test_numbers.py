"""Numbers that pages promise are those of the program."""

from __future__ import annotations

import datetime as dt
from types import ModuleType

import pytest

from scheduler_defs.access import people, rate
from scheduler_defs.access.oidc import pending
from scheduler_defs.acting import forecast
from scheduler_defs.agents.deciding import agents, idling, quotas, settling
from scheduler_defs.agents.working import history, turns, watching
from scheduler_defs.agents.workspaces import store
from scheduler_defs.alerting.channels import command, webhook
from scheduler_defs.alerting.channels import log as log_channel
from scheduler_defs.alerting.events import facts, standing
from scheduler_defs.alerting.rules import watches
from scheduler_defs.approvals import links
from scheduler_defs.database import pacing
from scheduler_defs.declarations.models.alerts import AlertRule
from scheduler_defs.declarations.models.base import Position
from scheduler_defs.evaluation import candidates
from scheduler_defs.execution.dagster_patches.loops import audit as audit_loop
from scheduler_defs.execution.guard import guard
from scheduler_defs.execution.life.terms import Terms
from scheduler_defs.execution.queue import capacity
from scheduler_defs.execution.storage import log_reading
from scheduler_defs.execution.worker import beat
from scheduler_defs.execution.worker.running import apart
from scheduler_defs.forecasting import history as durations
from scheduler_defs.forecasting import replay
from scheduler_defs.jobs.commands import one_command
from scheduler_defs.jobs.commands.artifacts import keep
from scheduler_defs.jobs.commands.pipes import messages, metadata
from scheduler_defs.jobs.commands.running import keeping
from scheduler_defs.ledger import proving
from scheduler_defs.redaction import known_values
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.stack.health import connections
from scheduler_defs.stack.machine import backoff, logs
from scheduler_defs.stack.supervising import alarms, minder, watch
from scheduler_defs.timing import decision, format_duration, policies, specs
from scheduler_defs.timing.rrule import rules
from scheduler_defs.upkeep.backup import drilling
from scheduler_defs.upkeep.metrics import collecting
from scheduler_defs.upkeep.review import reading
from scheduler_defs.web import run_rows
from scheduler_defs.web.access import identity
from scheduler_defs.web.doors import guard as door
from scheduler_defs.web.events import streams
from scheduler_defs.web.mcp import calling
from scheduler_defs.web.pages import health, schedules
from scheduler_defs.web.pages.parts import recorded
from scheduler_defs.web.rest import idempotency
from sensors import alerts, audit, maintenance

WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 8: "eight", 10: "ten", 20: "twenty"}
TIMES = {2: "twice"}
HALF = {30.0: "half a minute"}


def named(span: dt.timedelta) -> str:
    """A span that has a name."""
    names = {60: "minute", 3_600: "hour", 86_400: "day", 30 * 86_400: "month"}
    return names[int(span.total_seconds())]


def over(on: str) -> str:
    """How a bound that no rule declares is written."""
    position = Position(file="a.yaml", line=1, column=1)
    seconds = watches.bound(AlertRule(name="r", source=position, on=on, channels=("c",)))  # pyright: ignore[reportArgumentType]
    return format_duration(dt.timedelta(seconds=seconds))


def private(module: ModuleType, name: str) -> int:
    return getattr(module, name)


TERMS = Terms()
SAID = {
    "access.md": [
        f"a password of at least {people.FEWEST_CHARACTERS} characters",
        f"from {rate.FIRST_WAIT_SECONDS:.0f} seconds up to {rate.LONGEST_WAIT_SECONDS / 60:.0f} minutes",
        f"within {WORDS[pending.LASTS_SECONDS // 60]} minutes, and in the browser",
        f"good for {WORDS[int(identity.REMEMBERED_SECONDS)]} more seconds at most",
        f"a body of more than {door.MOST_BYTES >> 20} MB",
    ],
    "agents.md": [
        f"A lost worker (up to {WORDS[settling.MOST_LOSSES]} times)",
        f"the first {WORDS[settling.MOST_LOSSES]} times without an attempt counted",
        f"newest {history.MOST_COMMENTS} comments",
        f"its last {history.MOST_ATTEMPTS} attempts",
        f"could not be started {WORDS[agents.COOL_DOWN_AFTER]} times in a row",
        f"more than {WORDS[quotas.LONGEST_TOLD.days]} days away counts as not told",
        f"closed for a {named(quotas.FIRST_PAUSE)}, then longer, up to an {named(quotas.LONGEST_PAUSE)}",
        f"{TIMES[turns.NUDGES]}, then it is a failed attempt",
        f"needs {HALF[idling.PROMPTED_SECONDS]} of quiet",
        f"the first of {WORDS[store.PORTS]} ports",
        f"({idling.BUSY_SHARE * 100:.0f} % of a core)",
        f"every {WORDS[int(watching.LOOK_EVERY)]} seconds, under one lock",
    ],
    "alerts.md": [
        f"looks every {alerts.INTERVAL_SECONDS} seconds",
        f"Starts are seen every {alerts.INTERVAL_SECONDS} seconds",
        f"cut at {log_channel.LARGEST_BYTES // 1_000_000} MB",
        f"200 to 299, within {webhook.TIMEOUT_SECONDS:.0f} s",
        f"exits 0 within {command.TIMEOUT_SECONDS:.0f} s",
        f"cut at {facts.LONGEST_TEXT} characters",
        f"{WORDS[watches.TICKS_IN_A_ROW]} failed ticks in a row",
        f"tried again every {alarms.AGAIN_SECONDS:.0f} s",
        f"proved](prove.md) every {WORDS[standing.PROVED_EVERY.seconds // 60]} minutes",
        f"for more than `over` ({over('queue_wait')})",
        f"none was for `over` ({over('nothing_assigned')})",
        f"away; without it, less than {format_duration(dt.timedelta(seconds=standing.NEAR_DEADLINE))}, or",
        f"for `over` ({over('worker_gone')}), whether it had work",
        f"older than `over` ({over('backup_failed')})",
        f"the supervisor for `over` ({over('daemon_silent')}): no schedule",
        f"the supervisor for `over` ({over('broker_away')}): no run",
    ],
    "approvals.md": [f"for a {named(dt.timedelta(seconds=links.LASTS_SECONDS))} at most"],
    "audit.md": [
        f"seals new ones every {WORDS[int(audit_loop.SEAL_SECONDS)]} seconds",
        f"within {WORDS[audit.INTERVAL_SECONDS // 60]} minutes, and `verify`",
    ],
    "api.md": [
        f"a comment comes every {streams.HEARTBEAT_SECONDS:.0f} seconds",
        f"a {named(dt.timedelta(seconds=idempotency.SILENCE_SECONDS))} later is carried out",
    ],
    "jobs.md": [
        f"At most {messages.MOST_MESSAGES:,} log messages (of {messages.LONGEST_LOG:,} characters each)",
        f"the first {metadata.MOST_METADATA} keys",
        f"at most {keep.MOST_FILES:,}; the metadata list the first {keeping.MOST_LISTED:,}",
        f"at least {keeping.LEAST_SECONDS:.0f} s are given to it",
        f"values of {known_values.SHORTEST} characters and more, each line of {known_values.SHORTEST_PART} and more",
        f"a viewer gets the last {log_reading.MOST_BYTES // 1_000_000} MB",
        f"SIGKILL after `grace` ({one_command.GRACE.seconds} s)",
        f"SIGKILL at most {guard.TIMEOUT_GRACE.total_seconds()} s later",
    ],
    "locations.md": [f"at most {watch.SOURCES.most:,} of them"],
    "mcp.md": [f"at most {calling.MOST_CHARACTERS:,} characters"],
    "operations.md": [
        f"cut at {logs.LIMIT_BYTES >> 20} MB, with {WORDS[logs.KEEP]} older pieces",
        f"doubles up to {backoff.Backoff().cap_seconds:.0f} s ({backoff.STORAGE_BACKOFF.cap_seconds:.0f} s for",
        f"ends {WORDS[minder.HOPELESS_AFTER]} times before it was ever ready",
        f"at most {capacity.AGENTS_PER_PROCESSOR} for each core and one for each {capacity.AGENT_BYTES >> 20} MB",
        f"Allow for {private(connections, '_EACH_PROCESS')} connections for each process of the stack,"
        f" and {private(connections, '_SPARE')} more",
        f"SIGKILL {WORDS[int(apart.LEFT_GRACE_SECONDS)]} seconds later",
    ],
    "metrics.md": [f"at most {collecting.MOST_QUEUES} queues and agents are told apart"],
    "prove.md": [
        f"At most {replay.MOST_PROBLEMS:,} problems are listed",
        f"within the last {WORDS[proving.SETTLED_SECONDS // 60]} minutes",
    ],
    "reliability.md": [
        f"renews the leases of its children every {TERMS.beat.seconds} s; a lease lasts {TERMS.expiry.seconds} s",
        f"kills it {TERMS.fence.seconds} s after the last renewal",
        f"ends itself {private(beat, '_DEAF_SECONDS'):.0f} s later",
    ],
    "retention.md": [
        f"each takes about {pacing.TARGET_SECONDS * 1000:.0f} ms",
        f"takes more than {pacing.LIMIT_SECONDS * 1000:.0f} ms",
        f"Once a {named(maintenance.PRUNE_EVERY)} the sensor",
    ],
    "backup.md": [f"the {named(drilling.PROVED)} before the backup"],
    "builtin-jobs.md": [f"the last {reading.WINDOW.days} days"],
    "web.md": [
        f"at most {WORDS[int(health.EXAMINED_SECONDS)]} seconds old",
        f"how the last {WORDS[recorded.OUTCOMES]} occurrences went",
        f"the next {WORDS[schedules.COMING]}, the rules that were in force",
        f"at most {WORDS[run_rows.MOST]} tags of a run as pills",
    ],
    "schedules/README.md": [f"at most {candidates.MOST_LISTED} missed occurrences are listed"],
    "schedules/at.md": [f"at most {specs.MOST_INSTANTS}"],
    "schedules/catch-up.md": [
        f"oldest first, at most {policies.MOST_CAUGHT_UP}",
        f"at most {decision.IN_TIME.seconds // 60} minutes late",
        f"default `{format_duration(policies.Policies().catch_up_window)}`",
    ],
    "schedules/forecast.md": [
        f"one day from now, at most {forecast.LONGEST.days}",
        f"among the newest {durations.NEWEST:,} that succeeded",
    ],
    "schedules/rrule.md": [f"at most {rules.MOST_OCCURRENCES}; needs an `anchor`"],
}


@pytest.mark.parametrize("page", SAID)
def test_given_a_number_of_the_program_then_the_page_has_it(page: str) -> None:
    text = " ".join((PROJECT_ROOT / "docs" / page).read_text(encoding="utf-8").split())
    assert [said for said in SAID[page] if said not in text] == []
