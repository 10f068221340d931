"""Which declarations were in force when: each set with its content, each schedule's rule with its spells."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from scheduler_defs.ledger.book import statement
from scheduler_defs.ledger.reasons import DeclaredLate, numbers


@dataclass(frozen=True, slots=True)
class Version:
    """A set of declarations: its content as JSON, its hash, and of each schedule the rule and its hash."""

    hash: str
    content: Mapping[str, Any]
    rules: Mapping[str, tuple[str, Mapping[str, Any]]]


Passed = Callable[[str], Sequence[dt.datetime]]
"""Of a schedule by name: instants that its file named and that had passed when it came into force."""


def _nothing_passed(_schedule: str) -> Sequence[dt.datetime]:
    return ()


def come_into_force(
    engine: sa.Engine,
    version: Version,
    *,
    at: dt.datetime,
    actor: str,
    passed: Passed = _nothing_passed,
) -> int:
    """Note that a set is in force from `at` on, unless it is already. Gives its number.

    A rule that has changed counts from `at`: nothing of before runs by it, and what was lost by that is
    `passed`. The others go on. A schedule that is gone is forgotten, and what of it waits is withdrawn. A set
    that was loaded before the one in force changes nothing: its process is about to end.
    """
    with engine.begin() as connection:
        connection.execute(statement("lock_versions"))
        current = connection.execute(statement("in_force")).first()
        if current is not None and (current.hash == version.hash or current.since >= at):
            return current.id
        connection.execute(statement("end_version"), {"at": at})
        wanted = {"hash": version.hash, "content": json.dumps(version.content), "actor": actor, "at": at}
        number: int = connection.execute(statement("add_version"), wanted).scalar_one()
        known = {row.schedule: row.hash for row in connection.execute(statement("rules_in_force"))}
        edited = [
            name for name, (found, _) in version.rules.items() if name in known and known[name] != found
        ]
        removed = [name for name in known if name not in version.rules]
        _end(connection, edited, at, "edited")
        _end(connection, removed, at, "removed")
        if edited:
            connection.execute(statement("count_anew"), {"schedules": edited})
        if removed:
            connection.execute(statement("forget_states"), {"schedules": removed})
        added = [
            {"schedule": name, "hash": found, "rule": rule}
            for name, (found, rule) in version.rules.items()
            if known.get(name) != found
        ]
        if added:
            values = {"rules": json.dumps(added), "version": number, "at": at, "first": current is None}
            connection.execute(statement("add_rules"), values)
        if current is not None:
            _note_passed(connection, [rule["schedule"] for rule in added], at, number, passed)
    return number


def _note_passed(
    connection: sa.Connection, schedules: Sequence[str], at: dt.datetime, number: int, passed: Passed
) -> None:
    lost = [{"schedule": name, "due": due.isoformat()} for name in schedules for due in passed(name)]
    if lost:
        reason = DeclaredLate(at)
        values = {
            "lost": json.dumps(lost),
            "reason": reason.code,
            "numbers": json.dumps(numbers(reason)),
            "at": at,
            "decided_by": f"{socket.gethostname()}:{os.getpid()}",
            "version": number,
        }
        connection.execute(statement("note_passed"), values)


def _end(connection: sa.Connection, schedules: list[str], at: dt.datetime, why: str) -> None:
    if schedules:
        connection.execute(statement("end_rules"), {"schedules": schedules, "at": at})
        connection.execute(statement("withdraw_waiting"), {"schedules": schedules, "at": at, "why": why})
