"""Role times action times scope. What is not said here is denied. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from scheduler_defs.declarations.models.access import AccessGrant, Role
from scheduler_defs.errors import SignalboxError


class Action(StrEnum):
    """What somebody wants to do. Every door names one of these for all that it lets through."""

    LOOK = "look"
    """See schedules, runs, tasks, output, history."""
    RUN = "run"
    """Launch, launch again, try out."""
    CANCEL = "cancel"
    """End a run, or call its next attempt off."""
    SWITCH = "switch"
    """Switch on and off, pause, resume."""
    STEER = "steer"
    """Add, move, comment, requeue tasks; pause and drain agents."""
    APPROVE = "approve"
    """Decide on what waits for approval."""
    EDIT = "edit"
    """Write declarations, and reload them."""
    REPORT = "report"
    """Report assets that something else has made."""
    ADMINISTER = "administer"
    """Delete history, wipe assets, set cursors and limits beside the declarations, hand out tokens."""


_OPERATOR = frozenset({Action.LOOK, Action.RUN, Action.CANCEL, Action.SWITCH, Action.STEER, Action.APPROVE})
TABLE: Mapping[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset({Action.LOOK}),
    Role.OPERATOR: _OPERATOR,
    Role.EDITOR: _OPERATOR | {Action.EDIT, Action.REPORT},
    Role.ADMIN: frozenset(Action),
}


class NotAllowed(SignalboxError):
    """Who asks may not do this; the text says what it would need."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an action is about. A run is of a job, perhaps of a schedule, perhaps for a queue's task."""

    schedule: str | None = None
    job: str | None = None
    queue: str | None = None
    owner: str | None = None


EVERYTHING = Subject()
"""An action that is about no one thing: only a grant without bounds allows it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a name for audit and tags, and the grants that name him."""

    name: str
    grants: tuple[AccessGrant, ...]

    def may(self, action: Action, subject: Subject = EVERYTHING) -> bool:
        """Whether some grant allows the action on the subject."""
        return any(
            action in TABLE[grant.role] and (action is Action.LOOK or covers(grant, subject))
            for grant in self.grants
        )

    def may_somewhere(self, action: Action) -> bool:
        """Whether there is anything at all on which he may do it."""
        return any(action in TABLE[grant.role] for grant in self.grants)

    def require(self, action: Action, subject: Subject = EVERYTHING) -> None:
        """Raises NotAllowed."""
        if not self.may(action, subject):
            raise NotAllowed(self.refusal(action, subject))

    def refusal(self, action: Action, subject: Subject = EVERYTHING) -> str:
        """Why not, for a person: what it needs, and what is there."""
        needed = next(role for role in Role if action in TABLE[role])
        of = ", ".join(f"{kind} {name}" for kind, name in _named(subject))
        held = ", ".join(sorted({str(grant.role) for grant in self.grants})) or "no role"
        about = f" for {of}" if of else " over everything" if self.may_somewhere(action) else ""
        return f"{action} needs the role {needed}{about}; {self.name} has {held}"


def admin(name: str) -> Principal:
    """Somebody who may do everything."""
    return Principal(name, (AccessGrant(who=(name,), role=Role.ADMIN),))


def of_person(name: str, grants: Iterable[AccessGrant], groups: Iterable[str] = ()) -> Principal:
    """The person with the grants that name him, or a group that he is in."""
    held = tuple(groups)
    return Principal(
        name,
        tuple(
            grant
            for grant in grants
            if _matches(name, grant.who) or any(_matches(group, grant.groups) for group in held)
        ),
    )


def covers(grant: AccessGrant, subject: Subject) -> bool:
    """Whether the subject is within the grant's bounds.

    Names are compared as Dagster writes them, where `-` and `.` are `_`. LOOK has no bounds: Dagster's own
    pages show everything to whoever may see them.
    """
    bounds = {
        "schedule": grant.schedules,
        "job": grant.jobs,
        "queue": grant.queues,
        "owner": grant.owners,
    }
    if not any(bounds.values()):
        return True
    return any(_matches(_plain(name), map(_plain, bounds[kind])) for kind, name in _named(subject))


def _named(subject: Subject) -> list[tuple[str, str]]:
    found = (
        ("schedule", subject.schedule),
        ("job", subject.job),
        ("queue", subject.queue),
        ("owner", subject.owner),
    )
    return [(kind, name) for kind, name in found if name is not None]


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def _plain(name: str) -> str:
    return re.sub(r"[-.]", "_", name)
