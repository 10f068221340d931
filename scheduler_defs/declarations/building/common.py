"""What several kinds of declarations share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scheduler_defs.declarations.models.access import Role
from scheduler_defs.declarations.models.approvals import Approve, Otherwise
from scheduler_defs.declarations.models.base import Backoff, Retries
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.declarations.reading.faults import Entry, near
from scheduler_defs.declarations.written.approvals import ApproveEntry
from scheduler_defs.declarations.written.retries import RetriesEntry


def retries(written: RetriesEntry | None) -> Retries | None:
    """The model of written retries."""
    if written is None:
        return None
    return Retries.model_construct(
        max_attempts=written.max_attempts,
        backoff=Backoff(written.backoff),
        base=written.base,
        cap=written.cap,
        jitter=written.jitter,
        retry_on=tuple(written.retry_on or ()),
    )


def approve(written: ApproveEntry | None) -> Approve | None:
    """The model of a written `approve:`."""
    if written is None:
        return None
    return Approve.model_construct(
        who=tuple(written.who or ()),
        roles=tuple(map(Role, written.roles or ())),
        needs=written.needs,
        within=written.within,
        otherwise=Otherwise(written.otherwise),
        not_requester=written.not_requester,
    )


def check_retries(entry: Entry, written: RetriesEntry | None) -> None:
    """A wait that begins above its own limit is a slip."""
    if written is not None and written.backoff != "none" and written.base > written.cap:
        entry.fault("base is longer than cap", "retries", "base")


def collisions(entries: Mapping[str, Entry], taken: Mapping[str, str]) -> None:
    """Refuse names that Dagster cannot tell apart: `a-b`, `a.b` and `a_b` are all `a_b` there.

    `taken` are names in Dagster that something else has already, with what that is.
    """
    seen: dict[str, Entry] = {}
    for name, entry in entries.items():
        short = dagster_name(name)
        if short in taken:
            entry.fault(f"the name {name!r} is taken by {taken[short]}; choose another")
        elif short in seen:
            other = seen[short]
            entry.fault(
                f"{name!r} and {other.name!r} ({other.position}) are the same name in Dagster, {short!r};"
                " rename one"
            )
        else:
            seen[short] = entry


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """`there is no job 'x'`, and what may have been meant."""
    names = sorted(known)
    return f"there is no {kind} {name!r}{near(name, names) or f'; no {kind} is declared'}"
