"""What should have run: every due instant of a window, by the rules in force then, against the ledger."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Any

import sqlalchemy as sa

from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.declarations.normalising import restored
from scheduler_defs.ledger import account, proving
from scheduler_defs.ledger.account import Account, Spell
from scheduler_defs.ledger.proving import Expected, Problem, Proof, Trouble
from scheduler_defs.timing.occurrences import policed_occurrences

MOST_PROBLEMS = 1_000
"""So many are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A proof and its window, which does not begin before anything is known."""

    proof: Proof
    begin: dt.datetime
    end: dt.datetime
    statuses: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether everything is accounted for."""
        return not self.proof.problems

    def document(self) -> dict[str, Any]:
        """As the command's contract has it."""
        proof = self.proof
        return {
            "ok": self.ok,
            "from": self.begin.isoformat(),
            "to": self.end.isoformat(),
            "due": proof.due,
            "accounted": {kind.value: proof.accounted[kind] for kind in proving.Account},
            "pending": proof.pending,
            "runs": dict(self.statuses),
            "problems_total": len(proof.problems),
            "problems": [
                {
                    "schedule": each.schedule,
                    "due": dt.datetime.fromtimestamp(each.due, dt.UTC).isoformat(),
                    "problem": each.trouble.value,
                    "detail": each.detail,
                }
                for each in proof.problems[:MOST_PROBLEMS]
            ],
        }


def replay(
    engine: sa.Engine, begin: dt.datetime, end: dt.datetime, now: dt.datetime, glob: str | None = None
) -> Replayed:
    """Prove the window after `begin` and up to `end` (aware), of all schedules or those that `glob` names."""
    end = min(end, now)
    found = account.read(engine, begin, end, now)
    if found.began is not None:
        begin = max(begin, found.began)
    chosen: Callable[[str], bool] = (
        (lambda _: True) if glob is None else (lambda name: fnmatchcase(name, glob))
    )
    since = begin.timestamp()
    written = {
        name: {due: outcome for due, outcome in outcomes.items() if due > since}
        for name, outcomes in found.written.items()
        if chosen(name)
    }
    proof = proving.prove(_expected(found, begin, end, chosen), written, found.gaps, now.timestamp())
    proof.problems += proving.doubled(
        {key: count for key, count in found.several.items() if chosen(key[0])}, since, end.timestamp()
    )
    proof.problems += [
        Problem(schedule, due, Trouble.EXTRA, "it has a run that no entry has ordered")
        for schedule, due in found.unordered
        if chosen(schedule) and due > since
    ]
    return Replayed(proof, begin, end, found.statuses)


def _expected(
    found: Account, begin: dt.datetime, end: dt.datetime, chosen: Callable[[str], bool]
) -> Iterator[Expected]:
    # Many schedules have the same rule, and what is due by it is the same for all of them.
    known: dict[tuple[str, dt.datetime, dt.datetime], tuple[list[int], bool]] = {}
    for spell in found.spells:
        if not chosen(spell.schedule):
            continue
        first = max(begin, spell.since)
        last = end if spell.until is None else min(end, spell.until)
        key = (json.dumps(spell.rule, sort_keys=True), first, last)
        if key not in known:
            known[key] = _dues(spell, first, last)
        dues, enabled = known[key]
        switches = found.changes.get(dagster_name(spell.schedule), ())
        pauses = (
            found.changes.get(spell.schedule, ()) if spell.schedule != dagster_name(spell.schedule) else ()
        )
        changes = sorted((*switches, *pauses), key=lambda change: change[0])
        decided = None
        if spell.until is not None:
            decided = (spell.decided or spell.since).timestamp()
        rests = proving.switched_off(changes, enabled=enabled)
        yield Expected(spell.schedule, dues, rests, decided)


def _dues(spell: Spell, first: dt.datetime, last: dt.datetime) -> tuple[list[int], bool]:
    rule = restored(spell.rule)
    coming = policed_occurrences(rule.timing, first.astimezone(dt.UTC), rule.policies)
    limit = last.astimezone(dt.UTC)
    return [int(each.timestamp()) for each in takewhile(lambda due: due <= limit, coming)], rule.enabled
