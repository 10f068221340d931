"""Why a schedule ran, did not run, or will. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from scheduler_defs.explaining.model import Coming, Explanation, Link, short
from scheduler_defs.ledger.entries import Known, Outcome


def explain_schedule(
    row: Mapping[str, Any],
    last: Known | None,
    worded: str,
    *,
    at: dt.datetime | None = None,
    not_due: str = "",
    absent: Link | None = None,
) -> Explanation:
    """The chain of a schedule, or of its occurrence `at`.

    `row`: the schedule as the command's contract shows it. `last`: what the ledger says of the occurrence (of
    the newest without `at`), and `worded` its reason in words. `not_due`: why `at` is no occurrence.
    `absent`: why the ledger has no line of it.
    """
    name = row["name"]
    subject = f"schedule:{name}" + (f"@{at.isoformat()}" if at else "")
    links = list(_occurrence(last, worded, not_due, absent))
    links += _state(row)
    links.append(Link("rule", f"{row['spec']} ({row['timezone']})", evidence={"job": row["job"]}))
    state = str(last.entry.outcome) if at is not None and last is not None else str(row["state"])
    coming = Coming(f"{row['job']} runs", row["next"]) if row["next"] else None
    return Explanation(subject, state, links, coming, _commands(row, last))


def _occurrence(last: Known | None, worded: str, not_due: str, absent: Link | None) -> Iterator[Link]:
    if last is None:
        if not_due:
            yield Link("not_due", not_due)
        elif absent is not None:
            yield absent
        else:
            yield Link("nothing_yet", "no occurrence of it has been decided yet")
        return
    entry = last.entry
    due = entry.due.isoformat()
    evidence = {"due": due, "outcome": entry.outcome.value, "run_id": entry.run_id}
    if entry.outcome is Outcome.LAUNCHED:
        gone = "that run was deleted since" if last.created else "it is being launched"
        said = gone if last.run_status is None else f"that run is {last.run_status}"
        text = f"the occurrence of {due} has run {short(entry.run_id or '')}: {said}"
        yield Link("launched", text + (f" ({worded})" if worded else ""), due, evidence)
        return
    yield Link(
        entry.reason.code if entry.reason else entry.outcome.value,
        f"the occurrence of {due} was {entry.outcome.value.replace('_', ' ')}"
        + (f": {worded}" if worded else ""),
        due,
        evidence,
    )


def _state(row: Mapping[str, Any]) -> list[Link]:
    match row["state"]:
        case "paused":
            until = f" until {row['paused_until']}" if row["paused_until"] else " until somebody resumes it"
            reason = f": {row['paused_reason']}" if row["paused_reason"] else ""
            return [Link("paused", f"it is paused{until}{reason}")]
        case "off":
            declared = "" if row["enabled"] else " (declared `enabled: false`)"
            return [Link("off", f"it is switched off{declared}")]
        case "completed":
            return [Link("completed", "it has no occurrence left")]
        case _:
            return []


def _commands(row: Mapping[str, Any], last: Known | None) -> list[str]:
    name = row["name"]
    commands = [f"signalbox schedules history {name}", f"signalbox schedules run {name}"]
    if row["state"] == "paused":
        commands.insert(0, f"signalbox schedules resume {name}")
    if row["state"] == "off":
        commands.insert(0, f"signalbox schedules enable {name}")
    if last is not None and last.entry.run_id:
        commands.append(f"signalbox why {short(last.entry.run_id)}")
    return commands
